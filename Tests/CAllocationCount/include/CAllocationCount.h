#ifndef LARES_CALLOCATIONCOUNT_H
#define LARES_CALLOCATIONCOUNT_H

/// Allocations that the calling thread has made since it started. Linking this module counts them in the whole program.
unsigned long lares_allocations_of_thread(void);

#endif
