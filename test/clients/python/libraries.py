"""Vectors through psycopg 3, asyncpg, SQLAlchemy and Django, in text and in
binary: each makes a table, an index, three rows, and asks for the nearest by
every distance. Usage: python3 libraries.py HOST PORT"""
import asyncio
import struct
import sys
import warnings

HOST, PORT = sys.argv[1], int(sys.argv[2])
ROWS = [([1, 1, 1], "001"), ([2, 2, 2.5], "101"), ([1, 1, 2], "111")]
QUERY, CODE = [1, 1, 1], "101"
NEAREST = {"<->": [1, 3, 2], "<#>": [2, 3, 1], "<=>": [1, 2, 3], "<+>": [1, 3, 2]}
NEAREST_CODES = {"<~>": [2, 1, 3], "<%>": [2, 3, 1]}


class Vector(list):
    """A vector: a list of numbers with the forms of pgvector's vector."""

    def text(self):
        return "[" + ",".join(repr(float(x)) for x in self) + "]"

    def binary(self):
        return struct.pack(">HH%df" % len(self), len(self), 0, *self)

    @classmethod
    def of_text(cls, text):
        return cls(float(x) for x in text[1:-1].split(","))

    @classmethod
    def of_binary(cls, data):
        dim, unused = struct.unpack_from(">HH", data)
        assert unused == 0
        return cls(struct.unpack_from(">%df" % dim, data, 4))


class HalfVector(Vector):
    """A vector of half precision."""

    def binary(self):
        return struct.pack(">HH%de" % len(self), len(self), 0, *self)

    @classmethod
    def of_binary(cls, data):
        dim, _ = struct.unpack_from(">HH", data)
        return cls(struct.unpack_from(">%de" % dim, data, 4))


class SparseVector:
    """A sparse vector: values by index from 0, and the dimension."""

    def __init__(self, values, dim):
        self.values, self.dim = values, dim

    def __eq__(self, other):
        return (self.values, self.dim) == (other.values, other.dim)

    def text(self):
        return "{" + ",".join("%d:%r" % (i + 1, v) for i, v in self.values.items()) + "}/%d" % self.dim

    def binary(self):
        n = len(self.values)
        return struct.pack(">iii%di%df" % (n, n), self.dim, n, 0, *self.values.keys(), *self.values.values())

    @classmethod
    def of_text(cls, text):
        items, dim = text[1:].split("}/")
        pairs = (item.split(":") for item in items.split(",")) if items else ()
        return cls({int(i) - 1: float(v) for i, v in pairs}, int(dim))

    @classmethod
    def of_binary(cls, data):
        dim, n, _ = struct.unpack_from(">iii", data)
        return cls(dict(zip(struct.unpack_from(">%di" % n, data, 12), struct.unpack_from(">%df" % n, data, 12 + 4 * n))), dim)


TYPES = {"vector": Vector, "halfvec": HalfVector, "sparsevec": SparseVector}
COLUMNS = "embedding vector(3), half halfvec(3), sparse sparsevec(3), code bit(3)"


def sparse(values):
    return SparseVector({i: v for i, v in enumerate(values)}, len(values))


def register(conn):
    """The types as psycopg 3 adapts them, in both formats."""
    from psycopg import pq
    from psycopg.adapt import Dumper, Loader
    from psycopg.types import TypeInfo

    for name, cls in TYPES.items():
        info = TypeInfo.fetch(conn, name)
        info.register(conn)
        for fmt, dump, load in (
            (pq.Format.TEXT, lambda v: v.text().encode(), lambda c, d: c.of_text(bytes(d).decode())),
            (pq.Format.BINARY, lambda v: v.binary(), lambda c, d: c.of_binary(bytes(d))),
        ):
            attributes = {"oid": info.oid, "format": fmt}
            conn.adapters.register_dumper(cls, type("D", (Dumper,), {**attributes, "dump": lambda self, v, dump=dump: dump(v)}))
            conn.adapters.register_loader(info.oid, type("L", (Loader,), {"format": fmt, "load": lambda self, d, c=cls, load=load: load(c, d)}))


def with_psycopg():
    import psycopg

    with psycopg.connect(host=HOST, port=PORT, user="postgres", dbname="postgres", autocommit=True) as conn:
        conn.execute("CREATE EXTENSION IF NOT EXISTS vector")
        register(conn)
        conn.execute("DROP TABLE IF EXISTS psycopg_items")
        conn.execute("CREATE TABLE psycopg_items (id bigserial PRIMARY KEY, " + COLUMNS + ")")
        conn.execute("CREATE INDEX ON psycopg_items USING hnsw (embedding vector_l2_ops)")
        for binary in (False, True):
            conn.execute("TRUNCATE psycopg_items RESTART IDENTITY")
            cur = conn.cursor(binary=binary)
            mark = "%b" if binary else "%t"
            for v, code in ROWS:
                cur.execute("INSERT INTO psycopg_items (embedding, half, sparse, code) VALUES (%s, %s, %s, %%t)" % (mark, mark, mark),
                            (Vector(v), HalfVector(v), sparse(v), code))
            for column, cls in (("embedding", Vector), ("half", HalfVector), ("sparse", sparse)):
                for operator, want in NEAREST.items():
                    cur.execute("SELECT id FROM psycopg_items ORDER BY %s %s %s LIMIT 3" % (column, operator, mark), (cls(QUERY),))
                    assert [r[0] for r in cur.fetchall()] == want, (column, operator, binary)
            for operator, want in NEAREST_CODES.items():
                cur.execute("SELECT id FROM psycopg_items ORDER BY code %s %%t LIMIT 3" % operator.replace("%", "%%"), (CODE,))
                assert [r[0] for r in cur.fetchall()] == want, operator
            cur.execute("SELECT embedding, half, sparse, embedding <-> %s FROM psycopg_items WHERE id = 2" % mark, (Vector(QUERY),))
            row = cur.fetchone()
            assert row[:3] == (Vector([2, 2, 2.5]), HalfVector([2, 2, 2.5]), sparse([2, 2, 2.5])), row
            assert abs(row[3] - 2.0615528128088303) < 1e-12
            cur.execute("SELECT avg(embedding), sum(half) FROM psycopg_items")
            assert cur.fetchone() == (average(binary), HalfVector([4, 4, 5.5]))
            try:
                cur.execute("INSERT INTO psycopg_items (embedding) VALUES (%s)" % mark, (Vector([1]),))
                raise AssertionError("no error")
            except psycopg.errors.DataException as e:
                assert e.diag.message_primary == "expected 3 dimensions, not 1", e
        # A load in binary, as fast as there is.
        with conn.cursor().copy("COPY psycopg_items (embedding, half, sparse) FROM STDIN WITH (FORMAT BINARY)") as copy:
            copy.set_types(["vector", "halfvec", "sparsevec"])
            for i in range(1, 1001):
                copy.write_row((Vector([i, 1, 2]), HalfVector([i, 1, 2]), sparse([i, 1, 2])))
        assert conn.execute("SELECT count(*), max(embedding <-> '[1,1,2]') FROM psycopg_items WHERE id > 3").fetchone() == (1000, 999.0)
        with conn.cursor().copy("COPY (SELECT embedding, sparse FROM psycopg_items WHERE id = 2) TO STDOUT (FORMAT BINARY)") as copy:
            copy.set_types(["vector", "sparsevec"])
            assert list(copy.rows()) == [(Vector([2, 2, 2.5]), sparse([2, 2, 2.5]))]
        assert conn.execute("SELECT id FROM psycopg_items ORDER BY embedding <-> %s LIMIT 1", (Vector([500.2, 1, 2]),)).fetchone()[0] == 503
        conn.execute("DROP TABLE psycopg_items")


def average(binary):
    """The average of ROWS as float32 prints it, or as it is."""
    exact = [struct.unpack("f", struct.pack("f", x))[0] for x in (4 / 3, 4 / 3, 5.5 / 3)]
    return Vector(exact if binary else [1.3333334, 1.3333334, 1.8333334])


def with_asyncpg():
    import asyncpg

    async def run():
        conn = await asyncpg.connect(host=HOST, port=PORT, user="postgres", database="postgres")
        for name, cls in TYPES.items():
            await conn.set_type_codec(name, schema="public", encoder=lambda v: v.binary(), decoder=cls.of_binary, format="binary")
        await conn.execute("DROP TABLE IF EXISTS asyncpg_items")
        await conn.execute("CREATE TABLE asyncpg_items (id bigserial PRIMARY KEY, " + COLUMNS + ")")
        await conn.execute("CREATE INDEX ON asyncpg_items USING hnsw (half halfvec_l2_ops)")
        await conn.executemany("INSERT INTO asyncpg_items (embedding, half, sparse) VALUES ($1, $2, $3)",
                               [(Vector(v), HalfVector(v), sparse(v)) for v, _ in ROWS])
        for column, cls in (("embedding", Vector), ("half", HalfVector), ("sparse", sparse)):
            for operator, want in NEAREST.items():
                rows = await conn.fetch("SELECT id FROM asyncpg_items ORDER BY %s %s $1 LIMIT 3" % (column, operator), cls(QUERY))
                assert [r["id"] for r in rows] == want, (column, operator)
        row = await conn.fetchrow("SELECT embedding, half, sparse FROM asyncpg_items WHERE id = 2")
        assert tuple(row) == (Vector([2, 2, 2.5]), HalfVector([2, 2, 2.5]), sparse([2, 2, 2.5])), row
        await conn.copy_records_to_table("asyncpg_items", records=[(Vector([i, 0, 0]),) for i in range(100)], columns=["embedding"])
        assert await conn.fetchval("SELECT count(*) FROM asyncpg_items") == 103
        await conn.execute("DROP TABLE asyncpg_items")
        await conn.close()

    asyncio.run(run())


def with_sqlalchemy():
    from sqlalchemy import Column, Float, Index, Integer, create_engine, func, select
    from sqlalchemy.orm import Session, declarative_base
    from sqlalchemy.types import UserDefinedType

    warnings.simplefilter("ignore")

    class VectorType(UserDefinedType):
        cache_ok = True

        def __init__(self, name, dim):
            self.name, self.dim = name, dim

        def get_col_spec(self, **_):
            return "%s(%d)" % (self.name, self.dim)

        def bind_processor(self, dialect):
            return lambda v: v if v is None or isinstance(v, str) else TYPES[self.name](v).text()

        def result_processor(self, dialect, coltype):
            return lambda v: None if v is None else TYPES[self.name].of_text(v)

        class comparator_factory(UserDefinedType.Comparator):
            def distance(self, operator, other):
                return self.op(operator, return_type=Float)(other)

    Base = declarative_base()

    class Item(Base):
        __tablename__ = "sqlalchemy_items"
        id = Column(Integer, primary_key=True)
        category = Column(Integer)
        embedding = Column(VectorType("vector", 3))
        half = Column(VectorType("halfvec", 3))

    Index("sqlalchemy_index", Item.embedding, postgresql_using="hnsw", postgresql_with={"m": 16, "ef_construction": 64},
          postgresql_ops={"embedding": "vector_l2_ops"})
    engine = create_engine("postgresql+psycopg2://postgres@%s:%d/postgres" % (HOST, PORT))
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        for i, (v, _) in enumerate(ROWS):
            session.add(Item(category=i % 2, embedding=v, half=v))
            session.flush()
        session.commit()
        for column in (Item.embedding, Item.half):
            for operator, want in NEAREST.items():
                got = session.scalars(select(Item.id).order_by(column.distance(operator, QUERY)).limit(3)).all()
                assert got == want, (column, operator, got)
        within = session.scalars(select(Item).where(Item.embedding.distance("<->", QUERY) < 1.5).order_by(Item.id)).all()
        assert [i.id for i in within] == [1, 3] and within[1].embedding == [1, 1, 2]
        grouped = session.execute(select(Item.category, func.avg(Item.embedding)).group_by(Item.category).order_by(Item.category)).all()
        assert grouped[0][1] in ("[1,1,1.5]", [1, 1, 1.5]), grouped
        nearest_row = session.scalars(select(Item.id).filter(Item.id != 1).order_by(
            Item.embedding.distance("<->", select(Item.embedding).filter_by(id=1).scalar_subquery())).limit(1)).one()
        assert nearest_row == 3
    Base.metadata.drop_all(engine)
    engine.dispose()


def with_django():
    import django
    from django.conf import settings

    settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres", "USER": "postgres", "HOST": HOST, "PORT": PORT}},
                       DEFAULT_AUTO_FIELD="django.db.models.BigAutoField")
    django.setup()
    from django.db import connection, models
    from django.db.models.expressions import Func, Value

    class VectorField(models.Field):
        def __init__(self, *args, dimensions=None, **kwargs):
            self.dimensions = dimensions
            super().__init__(*args, **kwargs)

        def db_type(self, connection):
            return "vector(%d)" % self.dimensions

        def from_db_value(self, value, expression, connection):
            return None if value is None else Vector.of_text(value)

        def get_prep_value(self, value):
            return None if value is None else Vector(value).text()

    class Distance(Func):
        output_field = models.FloatField()

        def __init__(self, expression, value, operator):
            super().__init__(expression, Value(Vector(value).text()))
            self.template, self.arg_joiner = "(%(expressions)s)", " %s " % operator

    class Item(models.Model):
        embedding = VectorField(dimensions=3, null=True)

        class Meta:
            app_label = "clients"
            db_table = "django_items"

    with connection.cursor() as cur:
        cur.execute("DROP TABLE IF EXISTS django_items")
    with connection.schema_editor() as editor:
        editor.create_model(Item)
    with connection.cursor() as cur:
        cur.execute("CREATE INDEX ON django_items USING hnsw (embedding vector_l2_ops)")
    Item.objects.bulk_create([Item(embedding=v) for v, _ in ROWS])
    for operator, want in NEAREST.items():
        got = [i.id for i in Item.objects.order_by(Distance("embedding", QUERY, operator))[:3]]
        assert got == want, (operator, got)
    within = Item.objects.alias(d=Distance("embedding", QUERY, "<->")).filter(d__lt=1.5).order_by("id")
    assert [(i.id, i.embedding) for i in within] == [(1, [1, 1, 1]), (3, [1, 1, 2])]
    item = Item.objects.get(id=2)
    item.embedding = [9, 9, 9]
    item.save()
    assert Item.objects.order_by(Distance("embedding", [9, 9, 9], "<->")).first().id == 2
    with connection.schema_editor() as editor:
        editor.delete_model(Item)
    connection.close()


for library in (with_psycopg, with_asyncpg, with_sqlalchemy, with_django):
    library()
print("ok")
