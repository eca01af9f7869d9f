// The functions that work on a state of the caller's, without allocating, are deprecated since OpenSSL 3.0 and stay.
#define OPENSSL_API_COMPAT 10101
#include <openssl/evp.h>
#include <openssl/sha.h>
