// Vectors by the PostgreSQL JDBC driver: a type of ours that the driver sends
// and reads in binary, as pgvector's Java classes are; each distance; an index;
// a batch and a COPY. Usage: java -cp postgresql.jar Vectors.java HOST PORT
import java.io.StringReader;
import java.io.Serializable;
import java.nio.ByteBuffer;
import java.sql.*;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.util.*;

public class Vectors {
    /** A vector, in text "[1,2]" or in binary: count, zero, elements. */
    public static class PGvector extends PGobject implements PGBinaryObject, Serializable {
        float[] elements;

        public PGvector() { type = "vector"; }

        public PGvector(float... elements) {
            this();
            this.elements = elements;
        }

        @Override public void setValue(String s) {
            String[] parts = s.substring(1, s.length() - 1).split(",");
            elements = new float[parts.length];
            for (int i = 0; i < parts.length; i++) elements[i] = Float.parseFloat(parts[i]);
        }

        @Override public String getValue() {
            StringJoiner j = new StringJoiner(",", "[", "]");
            for (float e : elements) j.add(Float.toString(e));
            return j.toString();
        }

        @Override public int lengthInBytes() { return 4 + 4 * elements.length; }

        @Override public void setByteValue(byte[] value, int offset) {
            ByteBuffer b = ByteBuffer.wrap(value, offset, value.length - offset);
            elements = new float[b.getShort()];
            b.getShort();
            for (int i = 0; i < elements.length; i++) elements[i] = b.getFloat();
        }

        @Override public void toBytes(byte[] bytes, int offset) {
            ByteBuffer b = ByteBuffer.wrap(bytes, offset, lengthInBytes());
            b.putShort((short) elements.length).putShort((short) 0);
            for (float e : elements) b.putFloat(e);
        }
    }

    static PGobject object(String type, String text) throws SQLException {
        PGobject o = new PGobject();
        o.setType(type);
        o.setValue(text);
        return o;
    }

    static void same(Object want, Object got, String what) {
        if (!want.equals(got)) throw new AssertionError(what + ": " + got + ", want " + want);
    }

    static List<Long> nearest(Connection c, String column, String operator, Object query) throws SQLException {
        List<Long> ids = new ArrayList<>();
        try (PreparedStatement p = c.prepareStatement("SELECT id FROM jdbc_vectors ORDER BY " + column + " " + operator + " ? LIMIT 3")) {
            p.setObject(1, query);
            for (ResultSet r = p.executeQuery(); r.next(); ) ids.add(r.getLong(1));
        }
        return ids;
    }

    public static void main(String[] args) throws Exception {
        String url = "jdbc:postgresql://" + args[0] + ":" + args[1] + "/postgres?user=postgres&sslmode=disable";
        try (Connection c = DriverManager.getConnection(url); Statement s = c.createStatement()) {
            s.execute("CREATE EXTENSION IF NOT EXISTS vector");
            PGConnection pg = c.unwrap(PGConnection.class);
            pg.addDataType("vector", PGvector.class);
            s.execute("DROP TABLE IF EXISTS jdbc_vectors");
            s.execute("CREATE TABLE jdbc_vectors (id bigserial PRIMARY KEY, embedding vector(3), half halfvec(3), code bit(3), sparse sparsevec(3))");
            s.execute("CREATE INDEX ON jdbc_vectors USING hnsw (embedding vector_l2_ops) WITH (m = 16, ef_construction = 64)");
            float[][] rows = {{1, 1, 1}, {2, 2, 2.5f}, {1, 1, 2}};
            String[] codes = {"001", "101", "111"};
            try (PreparedStatement p = c.prepareStatement("INSERT INTO jdbc_vectors (embedding, half, code, sparse) VALUES (?, ?, ?, ?)")) {
                for (int i = 0; i < rows.length; i++) {
                    PGvector v = new PGvector(rows[i]);
                    p.setObject(1, v);
                    p.setObject(2, object("halfvec", v.getValue()));
                    p.setObject(3, object("bit", codes[i]));
                    p.setObject(4, object("sparsevec", String.format(Locale.ROOT, "{1:%s,2:%s,3:%s}/3", rows[i][0], rows[i][1], rows[i][2])));
                    p.addBatch();
                }
                same(3, p.executeBatch().length, "batch");
            }
            Map<String, List<Long>> want = Map.of("<->", List.of(1L, 3L, 2L), "<#>", List.of(2L, 3L, 1L), "<=>", List.of(1L, 2L, 3L), "<+>", List.of(1L, 3L, 2L));
            for (Map.Entry<String, List<Long>> e : want.entrySet()) {
                same(e.getValue(), nearest(c, "embedding", e.getKey(), new PGvector(1, 1, 1)), "vector " + e.getKey());
                same(e.getValue(), nearest(c, "half", e.getKey(), object("halfvec", "[1,1,1]")), "halfvec " + e.getKey());
                same(e.getValue(), nearest(c, "sparse", e.getKey(), object("sparsevec", "{1:1,2:1,3:1}/3")), "sparsevec " + e.getKey());
            }
            same(List.of(2L, 1L, 3L), nearest(c, "code", "<~>", object("bit", "101")), "bit <~>");
            same(List.of(2L, 3L, 1L), nearest(c, "code", "<%>", object("bit", "101")), "bit <%>");
            // After five executions results come in binary.
            try (PreparedStatement p = c.prepareStatement("SELECT embedding, embedding <-> ? AS distance FROM jdbc_vectors WHERE id = 2")) {
                for (int i = 0; i < 12; i++) {
                    p.setObject(1, new PGvector(2, 2, 2));
                    ResultSet r = p.executeQuery();
                    if (!r.next()) throw new AssertionError("no row");
                    same("[2.0, 2.0, 2.5]", Arrays.toString(((PGvector) r.getObject(1)).elements), "value");
                    same(0.5, r.getDouble("distance"), "distance");
                }
            }
            long copied = pg.getCopyAPI().copyIn("COPY jdbc_vectors (embedding) FROM STDIN", new StringReader("[7,7,7]\n[8,8,8]\n"));
            same(2L, copied, "copied");
            same(List.of(4L), nearest(c, "embedding", "<->", new PGvector(7, 7, 7.1f)).subList(0, 1), "copied row");
            s.execute("DROP TABLE jdbc_vectors");
        }
        System.out.println("ok");
    }
}
