// Package clients runs real clients against Quiver: psql, pgx with
// pgvector-go, node-postgres with pgvector, JDBC, psycopg. Each creates a table
// with a vector column, inserts by parameters, searches, gets an error with the
// right SQLSTATE, and runs a transaction that rolls back. Then what knows vectors
// above and beside them: Knex, Objection, Kysely, Sequelize, TypeORM, Drizzle,
// Postgres.js; psycopg 3, asyncpg, SQLAlchemy and Django: all four
// types, every distance, an index. A client's own
// script, in the folder of its name, prints "ok" as its last line or exits with
// an error.
package clients
