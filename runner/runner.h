/* runner.h: the two faces of the program: ling-run and ling-erl. */
#ifndef LING_RUNNER_H
#define LING_RUNNER_H

/* `erl` on this machine: boots the installed OTP. Returns the exit status. */
int ling_erl_main(int argc, char **argv);

#endif
