package pgcatalog

import "quiver/catalog"

// owner is the one role there is.
const owner = catalog.BootstrapRoleOID

const (
	encodingUTF8      = 6
	defaultTablespace = catalog.OID(1663)
)

func pgDatabase(b *rows) error {
	for _, d := range b.view.Databases() {
		b.add(d.OID, d.Name, owner, encodingUTF8, byte('c'), d.IsTemplate, !d.RefuseConnections, d.ConnectionLimit-1, 0, 0, defaultTablespace, "C", "C.UTF-8", nil, nil, nil)
	}
	return nil
}

// pgDbRoleSetting has what ALTER DATABASE SET said; roles have no settings.
func pgDbRoleSetting(b *rows) error {
	for _, d := range b.view.Databases() {
		if len(d.Settings) > 0 {
			b.add(d.OID, 0, d.Settings)
		}
	}
	return nil
}

func pgNamespace(b *rows) error {
	for _, s := range b.view.Schemas() {
		b.add(s.OID, s.Name, owner, nil)
	}
	return nil
}

func pgRoles(b *rows) error {
	b.add(b.role(), true, true, true, true, true, true, -1, "********", nil, true, nil, owner)
	return nil
}

func pgAuthid(b *rows) error {
	b.add(owner, b.role(), true, true, true, true, true, true, true, -1, nil, nil)
	return nil
}

func pgUser(b *rows) error {
	b.add(b.role(), owner, true, true, true, true, "********", nil, nil)
	return nil
}

// vectorExtension is the one extension, which is built in.
const (
	vectorExtension        = "vector"
	vectorExtensionOID     = catalog.OID(16384)
	vectorExtensionVersion = catalog.VectorVersion
	vectorExtensionComment = "vector data type and ivfflat and hnsw access methods"
)

func pgExtension(b *rows) error {
	b.add(vectorExtensionOID, vectorExtension, owner, publicSchema(b.view), true, vectorExtensionVersion, nil, nil)
	return nil
}

// publicSchema is where extensions put their things; 0 when it was dropped.
func publicSchema(v catalog.View) catalog.OID {
	if s := v.SchemaByName("public"); s != nil {
		return s.OID
	}
	return 0
}

func pgAvailableExtensions(b *rows) error {
	b.add(vectorExtension, vectorExtensionVersion, vectorExtensionVersion, vectorExtensionComment)
	return nil
}

func pgAvailableExtensionVersions(b *rows) error {
	b.add(vectorExtension, vectorExtensionVersion, true, true, true, true, nil, nil, vectorExtensionComment)
	return nil
}
