// SPDX-License-Identifier: GPL-2.0-only
/*
 * Search trees for a static libelf that uses them and does not have them: elfutils 0.191 to 0.195 keep
 * eu_tsearch() and others in a library of their own that is not installed (Debian 13). The linker
 * takes an object of this archive only if libelf.a lacks it. Of libelf's structure only the first
 * member is used, the root of a tree of tsearch(3); no Elf handle is shared between threads here.
 */
#include <search.h>
#include <stddef.h>

struct eu_search_tree {
	void *root;
};

typedef int (*eu_compare)(const void *, const void *);

void eu_search_tree_init(struct eu_search_tree *tree);
void eu_search_tree_fini(struct eu_search_tree *tree, void (*free_node)(void *));
void *eu_tsearch(const void *key, struct eu_search_tree *tree, eu_compare compare);
void *eu_tfind(const void *key, struct eu_search_tree *tree, eu_compare compare);
void *eu_tdelete(const void *key, struct eu_search_tree *tree, eu_compare compare);
void eu_tdestroy(struct eu_search_tree *tree, void (*free_node)(void *));

void eu_search_tree_init(struct eu_search_tree *tree)
{
	tree->root = NULL;
}

void *eu_tsearch(const void *key, struct eu_search_tree *tree, eu_compare compare)
{
	return tsearch(key, &tree->root, compare);
}

void *eu_tfind(const void *key, struct eu_search_tree *tree, eu_compare compare)
{
	return tfind(key, &tree->root, compare);
}

void *eu_tdelete(const void *key, struct eu_search_tree *tree, eu_compare compare)
{
	return tdelete(key, &tree->root, compare);
}

void eu_tdestroy(struct eu_search_tree *tree, void (*free_node)(void *))
{
	tdestroy(tree->root, free_node);
	tree->root = NULL;
}

void eu_search_tree_fini(struct eu_search_tree *tree, void (*free_node)(void *))
{
	eu_tdestroy(tree, free_node);
}
