/* SPDX-License-Identifier: GPL-2.0-only */
/* The little of HTTP that a check needs (RFC 9112, sections 3 and 4). */
#ifndef BATON_HOST_HTTP_STATUS_H
#define BATON_HOST_HTTP_STATUS_H

#include <stddef.h>

#define HTTP_STATUS_LINE 13 /* bytes that tell the status: "HTTP/1.1 200 " */

/* The request for a path; `host` is as it stands in a URL, with the port. Its
 * length, or -ENAMETOOLONG. */
int http_request(char *text, size_t size, const char *host, const char *path);

/* The status of an answer that begins with these bytes: 100 to 599; 0 when
 * they are too few to tell; -EPROTO when they are no answer. */
int http_status(const char *bytes, size_t len);

#endif
