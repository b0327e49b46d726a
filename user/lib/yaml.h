/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Structs from YAML and back, by tables. A table (struct yaml_schema) says
 * which keys a mapping has and which member of which struct each one fills;
 * reading, writing, copying, comparing and freeing all follow it.
 *
 *	static const struct yaml_field peer_fields[] = {
 *		YAML_FIELD(struct peer, name, "name", NAME, .required = true),
 *		YAML_FIELD(struct peer, port, "port", INT, .unset = "7790",
 *			   .min = 1, .max = 65535),
 *		YAML_FIELD(struct peer, idle_ms, "idle", DURATION,
 *			   .unset = "3s", .unit = YAML_MS, .max = 60000),
 *		{ 0 },
 *	};
 *	static const struct yaml_schema peer_schema = {
 *		.what = "peer", .size = sizeof(struct peer),
 *		.fields = peer_fields,
 *	};
 *	static const struct yaml_field root_fields[] = {
 *		YAML_LIST(struct root, peers, nr_peers, "peers", &peer_schema,
 *			  .max = 64),
 *		{ 0 },
 *	};
 *
 * JSON is YAML, so objects in requests are read by the same tables.
 *
 * A key without a value, or with null, means the default. Aliases, tags and
 * keys given twice are refused. A file is at most YAML_MAX_SIZE bytes long.
 */
#ifndef LIB_YAML_H
#define LIB_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/config_errors.h"

#define YAML_MAX_SIZE (4 << 20)
#define YAML_MAX_FIELDS 64 /* of one schema */

/* X(NAME): what a member is, and how it is written */
#define YAML_FIELD_TYPES(X)                                                    \
	X(STRING) /* char *, NULL: unset; any printable text */                \
	X(NAME) /* char[]: letters, digits, '.', '_', '-' */                   \
	X(INTERFACE) /* char[]: a network interface, as the kernel allows */   \
	X(BOOL) /* bool: yes, no, true, false, on, off */                      \
	X(INT) /* unsigned, any width: min..max, or one of words */            \
	X(DURATION) /* unsigned, any width, in units of `unit`: 3.3ms, 2h */   \
	X(PERCENT) /* unsigned, any width: 60% */                              \
	X(ADDRESS) /* struct addr */                                           \
	X(MAC) /* uint8_t[6] */                                                \
	X(ENUM) /* int or enum, any width: one of words */                     \
	X(SECTION) /* a mapping within, by items */                            \
	X(ARRAY) /* items in place; the first all-zero one ends them */        \
	X(LIST) /* pointer to allocated items, and a count */

enum yaml_type {
#define X(name) YAML_TYPE_##name,
	YAML_FIELD_TYPES(X)
#undef X
		YAML_NR_TYPES,
};

/* Units of durations, in nanoseconds */
#define YAML_NS UINT64_C(1)
#define YAML_US UINT64_C(1000)
#define YAML_MS UINT64_C(1000000)
#define YAML_S UINT64_C(1000000000)

struct yaml_word {
	const char *label; /* NULL ends a table */
	uint64_t value;
};

struct yaml_schema;

struct yaml_field {
	const char *key; /* '_' stands for '-'; NULL ends a table */
	enum yaml_type type;
	size_t offset, size; /* of the member */
	const char *unset; /* its value when not given; NULL: all zero */
	bool required;
	/* Another way to say what the field before it says: only read, never
	 * written, without a default. */
	bool alias;
	bool (*needed)(const void *object); /* required if this says so */
	uint64_t min, max; /* as stored; of LIST: max items, 0: any */
	uint64_t unit; /* of DURATION */
	const struct yaml_word *words; /* of ENUM; beside numbers, of INT */
	const struct yaml_schema *items; /* of SECTION, ARRAY, LIST */
	size_t count; /* of LIST: offset of the size_t that counts */
	/* NULL, or what is expected instead of this value */
	const char *(*check)(const void *value);
};

struct yaml_schema {
	const char *what; /* "host", for messages */
	size_t size; /* of the struct */
	const struct yaml_field *fields; /* the first one names an item */
	size_t line; /* offset of an int that takes the line; 0: none */
	bool scalar; /* a bare scalar stands for the first field alone */
	bool flow; /* written on one line */
};

/* One field of a table: the struct, the member, its key and its type. */
#define YAML_FIELD(type_, member_, key_, kind_, ...)                           \
	{                                                                      \
		.key = key_, .type = YAML_TYPE_##kind_,                        \
		.offset = offsetof(type_, member_),                            \
		.size = sizeof(((type_ *)0)->member_), __VA_ARGS__             \
	}

#define YAML_LIST(type_, member_, count_, key_, items_, ...)                   \
	YAML_FIELD(type_, member_, key_, LIST, .items = items_,                \
		   .count = offsetof(type_, count_), __VA_ARGS__)

/* A mapping in the text whose members lie in the same struct. */
#define YAML_SECTION(type_, key_, items_)                                      \
	{                                                                      \
		.key = key_, .type = YAML_TYPE_SECTION, .size = sizeof(type_), \
		.items = items_                                                \
	}

/* The same of a struct within it. */
#define YAML_WITHIN(type_, member_, key_, items_)                              \
	YAML_FIELD(type_, member_, key_, SECTION, .items = items_)

/* How to read: what text is called in messages, and what becomes of *object. */
struct yaml_source {
	const char *file; /* NULL: a request; lines are then 0 */
	const char *text;
	size_t len;
	bool merge; /* fields not given keep what *object holds */
};

/*
 * Fill *object, which must be zeroed, or with `merge` hold an object. 0, or
 * -EINVAL or -ENOMEM with messages; *object then holds what could be read and
 * is to be freed.
 */
int yaml_read(const struct yaml_schema *s, void *object,
	      const struct yaml_source *source, struct config_errors *e);

/* The name that the text gives to its object: the value of the first field, ""
 * when there is none. 0, or -EINVAL or -ENOMEM with messages. */
int yaml_read_name(const struct yaml_schema *s,
		   const struct yaml_source *source, char *name, size_t size,
		   struct config_errors *e);

/* The same as yaml_read() from a file; a negative errno, with messages. */
int yaml_read_file(const struct yaml_schema *s, void *object, const char *path,
		   struct config_errors *e);

/* Write what differs from the defaults. 0, -EIO or -ENOMEM. */
int yaml_write(const struct yaml_schema *s, const void *object, FILE *f);

/* Lines are not compared. */
bool yaml_equal(const struct yaml_schema *s, const void *a, const void *b);

/* A deep copy to *to, whose former content is not looked at. 0 or -ENOMEM. */
int yaml_copy(const struct yaml_schema *s, void *to, const void *from);

/* Free what the object points to, and zero it. (yaml_free is libyaml's.) */
void yaml_clear(const struct yaml_schema *s, void *object);

#endif
