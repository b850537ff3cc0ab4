package pgcatalog

// source is what fills a relation. live: it depends on more than the catalog's
// version and the role, so it is computed for each scan.
type source struct {
	fill func(b *rows) error
	live bool
}

// sources says what fills each relation; those not named are empty.
var sources = map[string]source{
	"pg_catalog.pg_aggregate":         {fill: pgAggregate},
	"pg_catalog.pg_am":                {fill: pgAm},
	"pg_catalog.pg_amop":              {fill: pgAmop},
	"pg_catalog.pg_amproc":            {fill: pgAmproc},
	"pg_catalog.pg_attrdef":           {fill: pgAttrdef},
	"pg_catalog.pg_attribute":         {fill: pgAttribute},
	"pg_catalog.pg_authid":            {fill: pgAuthid},
	"pg_catalog.pg_cast":              {fill: pgCast},
	"pg_catalog.pg_class":             {fill: pgClass},
	"pg_catalog.pg_collation":         {fill: stored},
	"pg_catalog.pg_constraint":        {fill: pgConstraint},
	"pg_catalog.pg_database":          {fill: pgDatabase},
	"pg_catalog.pg_db_role_setting":   {fill: pgDbRoleSetting},
	"pg_catalog.pg_depend":            {fill: pgDepend},
	"pg_catalog.pg_description":       {fill: pgDescription},
	"pg_catalog.pg_extension":         {fill: pgExtension},
	"pg_catalog.pg_index":             {fill: pgIndex},
	"pg_catalog.pg_inherits":          {fill: pgInherits},
	"pg_catalog.pg_language":          {fill: stored},
	"pg_catalog.pg_namespace":         {fill: pgNamespace},
	"pg_catalog.pg_opclass":           {fill: pgOpclass},
	"pg_catalog.pg_operator":          {fill: pgOperator},
	"pg_catalog.pg_opfamily":          {fill: pgOpfamily},
	"pg_catalog.pg_partitioned_table": {fill: pgPartitionedTable},
	"pg_catalog.pg_proc":              {fill: pgProc},
	"pg_catalog.pg_sequence":          {fill: pgSequence},
	"pg_catalog.pg_shdescription":     {fill: pgShdescription},
	"pg_catalog.pg_tablespace":        {fill: stored},
	"pg_catalog.pg_type":              {fill: pgType},

	"pg_catalog.pg_available_extension_versions": {fill: pgAvailableExtensionVersions},
	"pg_catalog.pg_available_extensions":         {fill: pgAvailableExtensions},
	"pg_catalog.pg_indexes":                      {fill: pgIndexes},
	"pg_catalog.pg_roles":                        {fill: pgRoles},
	"pg_catalog.pg_sequences":                    {fill: pgSequences, live: true},
	"pg_catalog.pg_settings":                     {fill: pgSettings, live: true},
	"pg_catalog.pg_shadow":                       {fill: pgUser},
	"pg_catalog.pg_stat_all_indexes":             {fill: pgStatAllIndexes},
	"pg_catalog.pg_stat_all_tables":              {fill: pgStatAllTables},
	"pg_catalog.pg_stat_sys_indexes":             {fill: pgStatSysIndexes},
	"pg_catalog.pg_stat_sys_tables":              {fill: pgStatSysTables},
	"pg_catalog.pg_stat_user_indexes":            {fill: pgStatUserIndexes},
	"pg_catalog.pg_stat_user_tables":             {fill: pgStatUserTables},
	"pg_catalog.pg_stat_progress_create_index":   {fill: pgStatProgressCreateIndex, live: true},
	"pg_catalog.pg_tables":                       {fill: pgTables},
	"pg_catalog.pg_user":                         {fill: pgUser},
	"pg_catalog.pg_views":                        {fill: pgViews},

	"quiver.aliases": {fill: quiverAliases},

	"information_schema.applicable_roles":                {fill: infoApplicableRoles},
	"information_schema.character_sets":                  {fill: infoCharacterSets},
	"information_schema.check_constraints":               {fill: infoCheckConstraints},
	"information_schema.columns":                         {fill: infoColumns, live: true}, // defaults follow search_path
	"information_schema.constraint_column_usage":         {fill: infoConstraintColumnUsage},
	"information_schema.constraint_table_usage":          {fill: infoConstraintTableUsage},
	"information_schema.element_types":                   {fill: infoElementTypes},
	"information_schema.enabled_roles":                   {fill: infoEnabledRoles},
	"information_schema.information_schema_catalog_name": {fill: infoCatalogName},
	"information_schema.key_column_usage":                {fill: infoKeyColumnUsage},
	"information_schema.role_table_grants":               {fill: infoTablePrivileges},
	"information_schema.schemata":                        {fill: infoSchemata},
	"information_schema.sequences":                       {fill: infoSequences},
	"information_schema.table_constraints":               {fill: infoTableConstraints},
	"information_schema.table_privileges":                {fill: infoTablePrivileges},
	"information_schema.tables":                          {fill: infoTables},
	"information_schema.views":                           {fill: infoViews},
}
