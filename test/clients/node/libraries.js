// Vectors through the libraries that have them: query builders and object
// mappers. Each makes a table of the four types, an index, four rows, and asks
// for the nearest by every distance it knows. Usage: node libraries.js HOST PORT
require('reflect-metadata')
const assert = require('node:assert')
const pgvector = require('pgvector')

const { SparseVector } = pgvector
const [host, port] = process.argv.slice(2)
const url = `postgres://postgres@${host}:${port}/postgres`

// The rows, and the ids in order of each distance from the query.
const rows = [
  { embedding: [1, 1, 1], half: [1, 1, 1], code: '001', sparse: new SparseVector([1, 1, 1]) },
  { embedding: [2, 2, 2.5], half: [2, 2, 2.5], code: '101', sparse: new SparseVector([2, 2, 2.5]) },
  { embedding: [1, 1, 2], half: [1, 1, 2], code: '111', sparse: new SparseVector([1, 1, 2]) },
  { embedding: null, half: null, code: null, sparse: null }
]
const query = [1, 1, 1]
const nearest = { l2: [1, 3, 2], ip: [2, 3, 1], cosine: [1, 2, 3], l1: [1, 3, 2], hamming: [2, 1, 3], jaccard: [2, 3, 1] }
const codeQuery = '101'

const ids = list => list.map(row => Number(row.id))
const text = row => ({
  embedding: row.embedding && pgvector.toSql(row.embedding),
  half: row.half && pgvector.toSql(row.half),
  code: row.code,
  sparse: row.sparse && pgvector.toSql(row.sparse)
})

async function withKnex () {
  const pgvectorKnex = require('pgvector/knex')
  const knex = require('knex')({ client: 'pg', connection: url })
  await knex.schema.createExtensionIfNotExists('vector')
  await knex.schema.dropTableIfExists('knex_items')
  await knex.schema.createTable('knex_items', table => {
    table.increments('id')
    table.vector('embedding', 3)
    table.halfvec('half', 3)
    table.specificType('code', 'bit(3)')
    table.sparsevec('sparse', 3)
  })
  await knex.schema.alterTable('knex_items', table => {
    table.index(knex.raw('embedding vector_l2_ops'), 'knex_index', 'hnsw')
  })
  assert.ok(pgvectorKnex.toSql)
  await knex('knex_items').insert(rows.map(text))
  for (const [distance, by] of [['l2Distance', 'l2'], ['maxInnerProduct', 'ip'], ['cosineDistance', 'cosine'], ['l1Distance', 'l1']]) {
    assert.deepStrictEqual(ids(await knex('knex_items').orderBy(knex[distance]('embedding', query)).limit(3)), nearest[by], distance)
  }
  assert.deepStrictEqual(ids(await knex('knex_items').orderBy(knex.hammingDistance('code', codeQuery)).limit(3)), nearest.hamming)
  assert.deepStrictEqual(ids(await knex('knex_items').orderBy(knex.jaccardDistance('code', codeQuery)).limit(3)), nearest.jaccard)
  const within = await knex('knex_items').whereRaw('embedding <-> ? < ?', [pgvector.toSql(query), 1.5]).orderBy('id')
  assert.deepStrictEqual(ids(within), [1, 3])
  assert.deepStrictEqual(pgvector.fromSql(within[1].embedding), [1, 1, 2])
  await knex.schema.dropTable('knex_items')
  await knex.destroy()
}

async function withObjection () {
  const { Model } = require('objection')
  const { l2Distance, maxInnerProduct, cosineDistance, l1Distance, hammingDistance, jaccardDistance } = require('pgvector/objection')
  const knex = require('knex')({ client: 'pg', connection: url })
  class Item extends Model {
    static get tableName () { return 'objection_items' }
  }
  Item.knex(knex)
  await knex.schema.dropTableIfExists('objection_items')
  await knex.schema.createTable('objection_items', table => {
    table.increments('id')
    table.vector('embedding', 3)
    table.halfvec('half', 3)
    table.specificType('code', 'bit(3)')
    table.sparsevec('sparse', 3)
  })
  await Item.query().insert(rows.map(text))
  for (const [distance, by] of [[l2Distance, 'l2'], [maxInnerProduct, 'ip'], [cosineDistance, 'cosine'], [l1Distance, 'l1']]) {
    assert.deepStrictEqual(ids(await Item.query().orderBy(distance('embedding', query)).limit(3)), nearest[by])
  }
  assert.deepStrictEqual(ids(await Item.query().orderBy(hammingDistance('code', codeQuery)).limit(3)), nearest.hamming)
  assert.deepStrictEqual(ids(await Item.query().orderBy(jaccardDistance('code', codeQuery)).limit(3)), nearest.jaccard)
  await knex.schema.dropTable('objection_items')
  await knex.destroy()
}

async function withKysely () {
  const { Kysely, PostgresDialect, sql } = require('kysely')
  const { l2Distance, maxInnerProduct, cosineDistance, l1Distance, hammingDistance, jaccardDistance } = require('pgvector/kysely')
  const { Pool } = require('pg')
  const db = new Kysely({ dialect: new PostgresDialect({ pool: new Pool({ connectionString: url }) }) })
  await db.schema.dropTable('kysely_items').ifExists().execute()
  await db.schema.createTable('kysely_items')
    .addColumn('id', 'serial', c => c.primaryKey())
    .addColumn('embedding', sql`vector(3)`)
    .addColumn('half', sql`halfvec(3)`)
    .addColumn('code', sql`bit(3)`)
    .addColumn('sparse', sql`sparsevec(3)`)
    .execute()
  await db.schema.createIndex('kysely_index').on('kysely_items').using('hnsw').expression(sql`embedding vector_l2_ops`).execute()
  await db.insertInto('kysely_items').values(rows.map(text)).execute()
  const all = () => db.selectFrom('kysely_items').selectAll()
  for (const [distance, by] of [[l2Distance, 'l2'], [maxInnerProduct, 'ip'], [cosineDistance, 'cosine'], [l1Distance, 'l1']]) {
    assert.deepStrictEqual(ids(await all().orderBy(distance('embedding', query)).limit(3).execute()), nearest[by])
  }
  assert.deepStrictEqual(ids(await all().orderBy(hammingDistance('code', codeQuery)).limit(3).execute()), nearest.hamming)
  assert.deepStrictEqual(ids(await all().orderBy(jaccardDistance('code', codeQuery)).limit(3).execute()), nearest.jaccard)
  assert.deepStrictEqual(ids(await all().where(l2Distance('embedding', query), '<', 1.5).orderBy('id').execute()), [1, 3])
  await db.schema.dropTable('kysely_items').execute()
  await db.destroy()
}

async function withSequelize () {
  const { Sequelize, DataTypes } = require('sequelize')
  const pgvectorSequelize = require('pgvector/sequelize')
  pgvectorSequelize.registerTypes(Sequelize)
  const { l2Distance, maxInnerProduct, cosineDistance, l1Distance, hammingDistance, jaccardDistance } = pgvectorSequelize
  const sequelize = new Sequelize(url, { dialect: 'postgres', logging: false })
  await sequelize.query('CREATE EXTENSION IF NOT EXISTS vector')
  const Item = sequelize.define('Item', {
    embedding: { type: DataTypes.VECTOR(3) },
    half: { type: DataTypes.HALFVEC(3) },
    code: { type: 'BIT(3)' },
    sparse: { type: DataTypes.SPARSEVEC(3) }
  }, {
    modelName: 'Item',
    tableName: 'sequelize_items',
    timestamps: false,
    indexes: [{ fields: ['embedding'], using: 'hnsw', operator: 'vector_l2_ops' }]
  })
  await Item.sync({ force: true })
  await Item.create(rows[0])
  await Item.bulkCreate(rows.slice(1))
  const near = (order) => Item.findAll({ order, limit: 3 })
  for (const [distance, by] of [[l2Distance, 'l2'], [maxInnerProduct, 'ip'], [cosineDistance, 'cosine'], [l1Distance, 'l1']]) {
    assert.deepStrictEqual(ids(await near(distance('embedding', query, sequelize))), nearest[by])
  }
  assert.deepStrictEqual(ids(await near(hammingDistance('code', codeQuery, sequelize))), nearest.hamming)
  assert.deepStrictEqual(ids(await near(jaccardDistance('code', codeQuery, sequelize))), nearest.jaccard)
  const found = await Item.findByPk(2)
  assert.deepStrictEqual(found.embedding, [2, 2, 2.5])
  assert.deepStrictEqual(found.half, [2, 2, 2.5])
  assert.deepStrictEqual(found.sparse.toArray(), [2, 2, 2.5])
  await assert.rejects(Item.create({ embedding: [1] }), /expected 3 dimensions, not 1/)
  await Item.drop()
  await sequelize.close()
}

async function withTypeORM () {
  const { DataSource, EntitySchema } = require('typeorm')
  const Item = new EntitySchema({
    name: 'typeorm_items',
    columns: {
      id: { type: 'int', primary: true, generated: true },
      embedding: { type: 'vector', length: 3, nullable: true },
      half: { type: 'halfvec', length: 3, nullable: true },
      code: { type: 'bit', length: 3, nullable: true }
    }
  })
  const source = new DataSource({ type: 'postgres', url, entities: [Item] })
  await source.initialize()
  await source.query('DROP TABLE IF EXISTS typeorm_items')
  await source.synchronize()
  await source.query('CREATE INDEX ON typeorm_items USING hnsw (embedding vector_l2_ops)')
  const items = source.getRepository(Item)
  for (const { embedding, half, code } of rows) await items.save({ embedding, half, code })
  for (const [operator, by] of [['<->', 'l2'], ['<#>', 'ip'], ['<=>', 'cosine'], ['<+>', 'l1']]) {
    const list = await items.createQueryBuilder('item').orderBy(`embedding ${operator} :embedding`)
      .setParameters({ embedding: pgvector.toSql(query) }).limit(3).getMany()
    assert.deepStrictEqual(ids(list), nearest[by], operator)
  }
  const found = await items.findOneBy({ id: 2 })
  assert.deepStrictEqual(found.embedding, [2, 2, 2.5])
  await source.query('DROP TABLE typeorm_items')
  await source.destroy()
}

async function withDrizzle () {
  const { drizzle } = require('drizzle-orm/postgres-js')
  const { serial, pgTable, vector, halfvec, bit, sparsevec } = require('drizzle-orm/pg-core')
  const { l2Distance, innerProduct, cosineDistance, l1Distance, hammingDistance, jaccardDistance, lt, asc } = require('drizzle-orm')
  const client = require('postgres')(url, { onnotice () {} })
  const db = drizzle(client)
  const items = pgTable('drizzle_items', {
    id: serial('id').primaryKey(),
    embedding: vector('embedding', { dimensions: 3 }),
    half: halfvec('half', { dimensions: 3 }),
    code: bit('code', { dimensions: 3 }),
    sparse: sparsevec('sparse', { dimensions: 3 })
  })
  await client`CREATE EXTENSION IF NOT EXISTS vector`
  await client`DROP TABLE IF EXISTS drizzle_items`
  await client`CREATE TABLE drizzle_items (id serial PRIMARY KEY, embedding vector(3), half halfvec(3), code bit(3), sparse sparsevec(3))`
  await client`CREATE INDEX ON drizzle_items USING hnsw (embedding vector_l2_ops)`
  await db.insert(items).values(rows.map(row => ({ ...row, sparse: row.sparse && row.sparse.toString() })))
  for (const [distance, by] of [[l2Distance, 'l2'], [innerProduct, 'ip'], [cosineDistance, 'cosine'], [l1Distance, 'l1']]) {
    assert.deepStrictEqual(ids(await db.select().from(items).orderBy(distance(items.embedding, query)).limit(3)), nearest[by])
  }
  assert.deepStrictEqual(ids(await db.select().from(items).orderBy(hammingDistance(items.code, codeQuery)).limit(3)), nearest.hamming)
  assert.deepStrictEqual(ids(await db.select().from(items).orderBy(jaccardDistance(items.code, codeQuery)).limit(3)), nearest.jaccard)
  const within = await db.select().from(items).where(lt(l2Distance(items.half, query), 1.5)).orderBy(asc(items.id))
  assert.deepStrictEqual(ids(within), [1, 3])
  assert.deepStrictEqual(within[1].embedding, [1, 1, 2])
  await client`DROP TABLE drizzle_items`
  await client.end()
}

async function withPostgresJs () {
  const sql = require('postgres')(url, { onnotice () {} })
  await sql`DROP TABLE IF EXISTS postgresjs_items`
  await sql`CREATE TABLE postgresjs_items (id bigserial PRIMARY KEY, embedding vector(3), half halfvec(3), code bit(3), sparse sparsevec(3))`
  await sql`CREATE INDEX ON postgresjs_items USING hnsw (embedding vector_l2_ops)`
  await sql`INSERT INTO postgresjs_items ${sql(rows.map(text), 'embedding', 'half', 'code', 'sparse')}`
  const embedding = pgvector.toSql(query)
  const sparse = pgvector.toSql(new SparseVector(query))
  assert.deepStrictEqual(ids(await sql`SELECT * FROM postgresjs_items ORDER BY embedding <-> ${embedding} LIMIT 3`), nearest.l2)
  assert.deepStrictEqual(ids(await sql`SELECT * FROM postgresjs_items ORDER BY half <#> ${embedding} LIMIT 3`), nearest.ip)
  assert.deepStrictEqual(ids(await sql`SELECT * FROM postgresjs_items ORDER BY sparse <=> ${sparse} LIMIT 3`), nearest.cosine)
  assert.deepStrictEqual(ids(await sql`SELECT * FROM postgresjs_items ORDER BY embedding <+> ${embedding} LIMIT 3`), nearest.l1)
  assert.deepStrictEqual(ids(await sql`SELECT * FROM postgresjs_items ORDER BY code <~> ${codeQuery} LIMIT 3`), nearest.hamming)
  const [row] = await sql`SELECT embedding, half, code, sparse FROM postgresjs_items WHERE id = 2`
  assert.deepStrictEqual({ ...row }, { embedding: '[2,2,2.5]', half: '[2,2,2.5]', code: '101', sparse: '{1:2,2:2,3:2.5}/3' })
  await assert.rejects(sql`INSERT INTO postgresjs_items (embedding) VALUES (${'[1]'})`, e => e.code === '22000')
  await sql`DROP TABLE postgresjs_items`
  await sql.end()
}

async function main () {
  for (const library of [withKnex, withObjection, withKysely, withSequelize, withTypeORM, withDrizzle, withPostgresJs]) {
    try {
      await library()
    } catch (e) {
      console.error(library.name)
      throw e
    }
  }
  console.log('ok')
}

main().catch(e => { console.error(e); process.exit(1) })
