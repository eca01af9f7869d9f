#include <openssl/err.h>
#include <openssl/ssl.h>

// What Swift does not see of OpenSSL: macros with casts.

/// No renegotiation, which costs the server more than the client, no compression, which tells lengths (CRIME), and the
/// server's order of ciphers.
static const uint64_t lares_ssl_options =
    SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE;
