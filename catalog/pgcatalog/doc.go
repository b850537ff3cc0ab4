// Package pgcatalog is pg_catalog and information_schema as PostgreSQL 15 shows
// them: virtual relations computed from a catalog.View and from the registries
// of types, functions, operators and settings, and the functions that clients
// call on them (pg_get_indexdef, format_type, to_regclass …).
//
// The shape of every relation comes from facts/relations.txt, taken from
// PostgreSQL itself, so a relation that Quiver has nothing for is there and
// empty. facts/quiver.txt has the views of the schema quiver. What fills a relation is one function in the table of sources.go, in
// the file of its family. Rows that no registry holds lie in facts/rows_*.txt.
//
// Importing the package is enough: it registers its relations with catalog and
// its functions with funcs. Names serves the text forms of regclass and its
// like; the session puts one into its types.Format.
//
// pgcatalog imports catalog and sql. Start reading at sources.go, then rows.go.
package pgcatalog
