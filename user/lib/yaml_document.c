// SPDX-License-Identifier: GPL-2.0-only
#include "lib/yaml_document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One pass over all nodes, each known by its number from 1. */
struct walk {
	yaml_document_t *doc;
	const struct yaml_source *source;
	struct config_errors *e;
	unsigned char *reached;
	int err;
};

/* A node that is reached twice is an alias of the node that it was before. */
static void reach(struct walk *w, int id, const yaml_node_t *near)
{
	if (w->reached[id])
		w->err = config_error(w->e, w->source->file,
				      yaml_line(w->source, near),
				      "aliases (*name) are not supported; "
				      "expected the value itself");
	w->reached[id] = 1;
}

static void reach_children(struct walk *w, const yaml_node_t *node)
{
	const yaml_node_t *near = node;
	yaml_node_pair_t *pair;
	yaml_node_item_t *item;

	if (node->type == YAML_SEQUENCE_NODE) {
		for (item = node->data.sequence.items.start;
		     item < node->data.sequence.items.top; item++) {
			reach(w, *item, near);
			near = yaml_document_get_node(w->doc, *item);
		}
	} else if (node->type == YAML_MAPPING_NODE) {
		for (pair = node->data.mapping.pairs.start;
		     pair < node->data.mapping.pairs.top; pair++) {
			reach(w, pair->key, node);
			reach(w, pair->value,
			      yaml_document_get_node(w->doc, pair->key));
		}
	}
}

static void check_node(struct walk *w, const yaml_node_t *node)
{
	const char *tag = (const char *)node->tag, *usual;
	int line = yaml_line(w->source, node);

	usual = node->type == YAML_SCALAR_NODE	   ? YAML_STR_TAG
		: node->type == YAML_SEQUENCE_NODE ? YAML_SEQ_TAG
						   : YAML_MAP_TAG;
	if (tag && strcmp(tag, usual))
		w->err = config_error(w->e, w->source->file, line,
				      "tags (!name) are not supported; "
				      "expected the value alone");
	if (node->type == YAML_SCALAR_NODE &&
	    strlen(yaml_text(node)) != node->data.scalar.length)
		w->err = config_error(w->e, w->source->file, line,
				      "text with a NUL character; expected "
				      "printable characters");
}

static int check_document(yaml_document_t *doc,
			  const struct yaml_source *source,
			  struct config_errors *e)
{
	struct walk w = { .doc = doc, .source = source, .e = e };
	int nodes = (int)(doc->nodes.top - doc->nodes.start), id;

	w.reached = calloc((size_t)nodes + 1, 1);
	if (!w.reached)
		return -ENOMEM;
	w.reached[1] = 1; /* the root */
	for (id = 1; id <= nodes; id++) {
		const yaml_node_t *node = yaml_document_get_node(doc, id);

		check_node(&w, node);
		reach_children(&w, node);
	}
	free(w.reached);
	return w.err;
}

/* libyaml knows the offset only, when the text is not even characters. */
static int line_at(const struct yaml_source *source, size_t offset)
{
	size_t i;
	int line = 1;

	for (i = 0; i < offset && i < source->len; i++)
		line += source->text[i] == '\n';
	return line;
}

static bool indented_by_tab(const struct yaml_source *source, int line)
{
	const char *p = source->text, *end = p + source->len;

	for (; p < end && line > 1; p++)
		line -= *p == '\n';
	while (p < end && *p == ' ')
		p++;
	return p < end && *p == '\t';
}

static int syntax_error(const yaml_parser_t *parser,
			const struct yaml_source *source,
			struct config_errors *e)
{
	const char *problem = parser->problem ? parser->problem : "unreadable";
	int line = (int)parser->problem_mark.line + 1;
	char started[128] = "";
	const char *hint = "";

	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (parser->error == YAML_READER_ERROR)
		line = line_at(source, parser->problem_offset);
	else if (indented_by_tab(source, line))
		hint = "; indent with spaces, not with tabs";
	if (parser->context && source->file)
		snprintf(started, sizeof(started),
			 " %s that starts on line %zu", parser->context,
			 parser->context_mark.line + 1);
	return config_error(e, source->file, source->file ? line : 0,
			    "not YAML: %s%s%s", problem, started, hint);
}

static int load_one(yaml_parser_t *parser, yaml_document_t *doc,
		    const struct yaml_source *source, struct config_errors *e)
{
	yaml_document_t second;
	int err = 0;

	if (!yaml_parser_load(parser, doc))
		return syntax_error(parser, source, e);
	if (!yaml_document_get_root_node(doc))
		return 0;
	if (!yaml_parser_load(parser, &second)) {
		err = syntax_error(parser, source, e);
	} else {
		if (yaml_document_get_root_node(&second))
			err = config_error(
				e, source->file,
				source->file ? (int)second.start_mark.line + 1
					     : 0,
				"a second document; expected only one");
		yaml_document_delete(&second);
	}
	if (!err)
		err = check_document(doc, source, e);
	if (err)
		yaml_document_delete(doc);
	return err;
}

int yaml_document_load(yaml_document_t *doc, const struct yaml_source *source,
		       struct config_errors *e)
{
	yaml_parser_t parser;
	int err;

	if (source->len > YAML_MAX_SIZE)
		return config_error(e, source->file, 0,
				    "too large; expected at most %d MiB",
				    YAML_MAX_SIZE >> 20);
	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
		&parser, (const unsigned char *)source->text, source->len);
	err = load_one(&parser, doc, source, e);
	yaml_parser_delete(&parser);
	return err;
}
