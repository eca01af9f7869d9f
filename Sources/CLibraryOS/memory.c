// The functions that compilers call by themselves. In C, because a compiler may turn a Swift loop that copies into a
// call of the very function that it stands in.
#if defined(__x86_64__) && !defined(__linux__)

#include <stddef.h>

void library_free(void *payload);
void free(void *payload) { library_free(payload); }

void *memcpy(void *restrict to, const void *restrict from, size_t count) {
  void *start = to;
  __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
  return start;
}

void *memset(void *to, int value, size_t count) {
  void *start = to;
  __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(value) : "memory");
  return start;
}

void *memmove(void *to, const void *from, size_t count) {
  if ((size_t)((char *)to - (const char *)from) >= count) return memcpy(to, from, count);
  char *last = (char *)to + count - 1;
  const char *last_from = (const char *)from + count - 1;
  __asm__ volatile("std; rep movsb; cld" : "+D"(last), "+S"(last_from), "+c"(count) : : "memory");
  return to;
}

int memcmp(const void *a, const void *b, size_t count) {
  const unsigned char *x = a, *y = b;
  for (; count > 0; count--, x++, y++)
    if (*x != *y) return *x < *y ? -1 : 1;
  return 0;
}

#endif
