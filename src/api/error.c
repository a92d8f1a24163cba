int ling_placeholder_;
int ling_placeholder_ = 0;
