// The PostgreSQL JDBC driver. Usage: java -cp postgresql.jar Test.java HOST PORT
import java.sql.*;
import org.postgresql.util.PGobject;

public class Test {
    static void check(boolean ok, String what) {
        if (!ok) throw new AssertionError(what);
    }

    static PGobject vector(String text) throws SQLException {
        PGobject o = new PGobject();
        o.setType("vector");
        o.setValue(text);
        return o;
    }

    interface Action { void run() throws SQLException; }

    static void fails(String state, Action a) {
        try {
            a.run();
        } catch (SQLException e) {
            check(e.getSQLState().equals(state), "SQLSTATE " + e.getSQLState() + ", want " + state + ": " + e.getMessage());
            return;
        }
        throw new AssertionError("no error, want " + state);
    }

    public static void main(String[] args) throws Exception {
        String url = "jdbc:postgresql://" + args[0] + ":" + args[1] + "/postgres?user=postgres&sslmode=disable";
        try (Connection c = DriverManager.getConnection(url); Statement s = c.createStatement()) {
            DatabaseMetaData meta = c.getMetaData();
            check(meta.getDatabaseMajorVersion() == 15, "major version " + meta.getDatabaseMajorVersion());
            s.execute("CREATE EXTENSION IF NOT EXISTS vector");
            s.execute("DROP TABLE IF EXISTS jdbc_items");
            s.execute("CREATE TABLE jdbc_items (id bigserial PRIMARY KEY, name varchar(20) NOT NULL, price numeric(10,2), at timestamptz, embedding vector(3))");
            String[][] rows = {{"a", "[1,1,1]"}, {"b", "[2,2,2]"}, {"c", "[1,1,2]"}};
            try (PreparedStatement p = c.prepareStatement("INSERT INTO jdbc_items (name, price, at, embedding) VALUES (?, ?, ?, ?)", Statement.RETURN_GENERATED_KEYS)) {
                long id = 0;
                for (String[] r : rows) {
                    p.setString(1, r[0]);
                    p.setBigDecimal(2, new java.math.BigDecimal("1.50"));
                    p.setTimestamp(3, new Timestamp(0));
                    p.setObject(4, vector(r[1]));
                    check(p.executeUpdate() == 1, "one row");
                    ResultSet keys = p.getGeneratedKeys();
                    check(keys.next() && keys.getLong(1) == ++id, "generated key");
                }
            }
            // More than five executions: the driver turns to a named statement and binary results.
            try (PreparedStatement p = c.prepareStatement("SELECT id, name, price, at, embedding FROM jdbc_items ORDER BY embedding <-> ? LIMIT 2")) {
                for (int i = 0; i < 12; i++) {
                    p.setObject(1, vector("[1,1,1]"));
                    ResultSet r = p.executeQuery();
                    check(r.next() && r.getString("name").equals("a") && r.getLong("id") == 1, "first");
                    check(r.getBigDecimal("price").toString().equals("1.50") && r.getTimestamp("at").getTime() == 0, "values");
                    check(r.next() && r.getObject("embedding").toString().equals("[1,1,2]") && !r.next(), "second");
                }
            }
            fails("22000", () -> s.execute("INSERT INTO jdbc_items (name, embedding) VALUES ('x', '[1,2]')"));
            fails("23505", () -> s.execute("INSERT INTO jdbc_items (id, name) VALUES (1, 'x')"));
            fails("42P01", () -> s.execute("SELECT * FROM nosuch"));

            c.setAutoCommit(false);
            s.executeUpdate("DELETE FROM jdbc_items");
            Savepoint sp = c.setSavepoint();
            fails("22012", () -> s.execute("SELECT 1/0"));
            c.rollback(sp);
            ResultSet none = s.executeQuery("SELECT count(*) FROM jdbc_items");
            check(none.next() && none.getInt(1) == 0, "deleted within the transaction");
            c.rollback();
            // A fetch size: portals with row limits.
            try (PreparedStatement p = c.prepareStatement("SELECT g FROM generate_series(1, 1000) g")) {
                p.setFetchSize(64);
                ResultSet r = p.executeQuery();
                int n = 0;
                while (r.next()) check(r.getInt(1) == ++n, "row " + n);
                check(n == 1000, "1000 rows");
            }
            c.commit();
            c.setAutoCommit(true);
            ResultSet all = s.executeQuery("SELECT count(*) FROM jdbc_items");
            check(all.next() && all.getInt(1) == 3, "three rows after the rollback");

            // Batches and metadata.
            try (PreparedStatement p = c.prepareStatement("UPDATE jdbc_items SET price = ? WHERE id = ?")) {
                for (int i = 1; i <= 3; i++) {
                    p.setInt(1, i);
                    p.setLong(2, i);
                    p.addBatch();
                }
                for (int n : p.executeBatch()) check(n == 1, "batch");
            }
            ResultSet cols = meta.getColumns(null, "public", "jdbc_items", null);
            StringBuilder names = new StringBuilder();
            while (cols.next()) names.append(cols.getString("COLUMN_NAME")).append(':').append(cols.getString("TYPE_NAME")).append(' ');
            check(names.toString().equals("id:bigserial name:varchar price:numeric at:timestamptz embedding:vector "), "columns " + names);
            ResultSet pk = meta.getPrimaryKeys(null, "public", "jdbc_items");
            check(pk.next() && pk.getString("COLUMN_NAME").equals("id"), "primary key");
            ResultSet tables = meta.getTables(null, "public", "jdbc_items", new String[]{"TABLE"});
            check(tables.next(), "tables");
            s.execute("DROP TABLE jdbc_items");
        }
        System.out.println("ok");
    }
}
