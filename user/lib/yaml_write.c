// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "lib/yaml.h"
#include "lib/yaml_object.h"
#include "lib/yaml_scalar.h"

struct writer {
	yaml_emitter_t emitter;
	int err; /* the first one; nothing is written after it */
};

/* `made` says whether libyaml had the memory for the event. */
static void emit(struct writer *w, yaml_event_t *event, int made)
{
	if (w->err) {
		if (made)
			yaml_event_delete(event);
		return;
	}
	if (!made)
		w->err = -ENOMEM;
	else if (!yaml_emitter_emit(&w->emitter, event)) /* frees it */
		w->err = w->emitter.error == YAML_MEMORY_ERROR ? -ENOMEM : -EIO;
}

static void begin_mapping(struct writer *w, bool flow)
{
	yaml_event_t e;

	emit(w, &e,
	     yaml_mapping_start_event_initialize(
		     &e, NULL, NULL, 1,
		     flow ? YAML_FLOW_MAPPING_STYLE
			  : YAML_BLOCK_MAPPING_STYLE));
}

static void end_mapping(struct writer *w)
{
	yaml_event_t e;

	emit(w, &e, yaml_mapping_end_event_initialize(&e));
}

static void write_text(struct writer *w, const char *text)
{
	yaml_scalar_style_t style = YAML_ANY_SCALAR_STYLE;
	yaml_event_t e;

	/* Plain, these would mean "not given". */
	if (yaml_means_unset(text))
		style = YAML_SINGLE_QUOTED_SCALAR_STYLE;
	emit(w, &e,
	     yaml_scalar_event_initialize(&e, NULL, NULL,
					  (const yaml_char_t *)text,
					  (int)strlen(text), 1, 1, style));
}

/* *unset: an object with the defaults */
static bool is_written(const struct yaml_field *f, const void *object,
		       const void *unset)
{
	return !f->alias && (yaml_field_wanted(f, object) ||
			     !yaml_field_equal(f, object, unset));
}

static void write_field(struct writer *w, const struct yaml_field *f,
			const void *object, const void *unset);

static void write_mapping(struct writer *w, const struct yaml_schema *s,
			  const void *object, const void *unset)
{
	const struct yaml_field *f;
	char key[YAML_KEY_TEXT];

	begin_mapping(w, s->flow);
	yaml_each_field(f, s)
	{
		if (!is_written(f, object, unset))
			continue;
		write_text(w, yaml_key(f, key));
		write_field(w, f, object, unset);
	}
	end_mapping(w);
}

/* Only the first field says anything, and may stand alone. */
static bool is_bare(const struct yaml_schema *s, const void *object,
		    const void *unset)
{
	const struct yaml_field *f;

	if (!s->scalar)
		return false;
	for (f = s->fields + 1; f->key; f++) {
		if (is_written(f, object, unset))
			return false;
	}
	return true;
}

static void write_items(struct writer *w, const struct yaml_field *f,
			const void *object)
{
	struct yaml_items items = yaml_items(f, object);
	const struct yaml_schema *s = f->items;
	void *unset = calloc(1, s->size);
	yaml_event_t e;
	size_t i;

	if (!unset || yaml_defaults(s, unset)) {
		w->err = -ENOMEM;
		free(unset);
		return;
	}
	emit(w, &e,
	     yaml_sequence_start_event_initialize(
		     &e, NULL, NULL, 1,
		     s->scalar ? YAML_FLOW_SEQUENCE_STYLE
			       : YAML_BLOCK_SEQUENCE_STYLE));
	for (i = 0; i < items.count; i++) {
		const void *item = yaml_item(f, &items, i);

		if (is_bare(s, item, unset))
			write_field(w, s->fields, item, unset);
		else
			write_mapping(w, s, item, unset);
	}
	emit(w, &e, yaml_sequence_end_event_initialize(&e));
	yaml_clear(s, unset);
	free(unset);
}

static void write_field(struct writer *w, const struct yaml_field *f,
			const void *object, const void *unset)
{
	char text[YAML_SCALAR_TEXT];

	if (f->type == YAML_TYPE_SECTION)
		write_mapping(w, f->items, (const char *)object + f->offset,
			      (const char *)unset + f->offset);
	else if (yaml_is_scalar(f->type))
		write_text(w, yaml_scalar_format(f, object, text));
	else
		write_items(w, f, object);
}

static void write_document(struct writer *w, const struct yaml_schema *s,
			   const void *object, const void *unset)
{
	yaml_event_t e;

	emit(w, &e, yaml_stream_start_event_initialize(&e, YAML_UTF8_ENCODING));
	emit(w, &e,
	     yaml_document_start_event_initialize(&e, NULL, NULL, NULL, 1));
	write_mapping(w, s, object, unset);
	emit(w, &e, yaml_document_end_event_initialize(&e, 1));
	emit(w, &e, yaml_stream_end_event_initialize(&e));
}

int yaml_write(const struct yaml_schema *s, const void *object, FILE *f)
{
	void *unset = calloc(1, s->size);
	struct writer w = { 0 };

	if (!unset || yaml_defaults(s, unset) ||
	    !yaml_emitter_initialize(&w.emitter)) {
		free(unset);
		return -ENOMEM;
	}
	yaml_emitter_set_output_file(&w.emitter, f);
	yaml_emitter_set_width(&w.emitter, -1);
	write_document(&w, s, object, unset);
	yaml_emitter_delete(&w.emitter);
	yaml_clear(s, unset);
	free(unset);
	if (!w.err && (fflush(f) || ferror(f)))
		w.err = -EIO;
	return w.err;
}
