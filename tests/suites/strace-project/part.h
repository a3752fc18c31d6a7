int length(const char *s);
