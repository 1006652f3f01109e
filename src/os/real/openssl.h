/* os/real/openssl.h - OpenSSL's headers.
 *
 * OpenSSL has a type of the same name as one of our errors; it is renamed while its headers are
 * read. Inside os/ only. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_REAL_OPENSSL_H
#define POSTERN_OS_REAL_OPENSSL_H

#define ERR_STATE openssl_err_state
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#undef ERR_STATE

#endif
