package importer

// appMinimum is what app access gives on Directus' own collections, whatever else a policy says: constant in
// Directus 11 (packages/system-data, app-access-permissions). What Directus narrows further, by the collections
// that one may read, is not in it: activity, collections, fields and relations.
var appMinimum = []struct {
	collection, action string
	filter, validation map[string]any
	fields             []any
}{
	{collection: "directus_comments", action: "read", filter: isMe("user_created")},
	{collection: "directus_comments", action: "create", validation: map[string]any{"comment": map[string]any{"_nnull": true}}},
	{collection: "directus_comments", action: "update", filter: isMe("user_created"), fields: []any{"comment"}},
	{collection: "directus_comments", action: "delete", filter: isMe("user_created")},
	{collection: "directus_presets", action: "read", filter: map[string]any{"_or": []any{
		isMe("user"),
		map[string]any{"_and": []any{isNobody("user"), map[string]any{"role": map[string]any{"_eq": "$CURRENT_ROLE"}}}},
		map[string]any{"_and": []any{isNobody("user"), isNobody("role")}},
	}}},
	{collection: "directus_presets", action: "create", validation: isMe("user")},
	{collection: "directus_presets", action: "update", filter: isMe("user"), validation: isMe("user")},
	{collection: "directus_presets", action: "delete", filter: isMe("user")},
	{collection: "directus_roles", action: "read", filter: map[string]any{"id": map[string]any{"_in": "$CURRENT_ROLES"}}},
	{collection: "directus_settings", action: "read"},
	{collection: "directus_translations", action: "read"},
	{collection: "directus_notifications", action: "read", filter: isMe("recipient")},
	{collection: "directus_notifications", action: "update", filter: isMe("recipient"), fields: []any{"status"}},
	{collection: "directus_shares", action: "read", filter: isMe("user_created")},
	{collection: "directus_users", action: "read", filter: isMe("id"), fields: []any{
		"id", "first_name", "last_name", "last_page", "email", "password", "location", "title", "description", "tags",
		"preferences_divider", "avatar", "language", "appearance", "theme_light", "theme_dark", "tfa_secret", "status", "role",
	}},
}

func isMe(field string) map[string]any {
	return map[string]any{field: map[string]any{"_eq": "$CURRENT_USER"}}
}

func isNobody(field string) map[string]any {
	return map[string]any{field: map[string]any{"_null": true}}
}

// addApp makes a policy of the minimum of app access, where some policy has it.
func (d *directus) addApp() {
	for _, id := range d.order {
		source := d.policies[id]
		public := d.publicRole != nil && source.role == d.publicRole
		if !source.app || source.broken || public {
			continue
		}
		d.app = &directusPolicy{row: row{map[string]any{}, source.row.place.at("app_access")}, label: "app access"}
		break
	}
	if d.app == nil {
		return
	}
	for _, p := range appMinimum {
		fields := p.fields
		if fields == nil {
			fields = []any{"*"}
		}
		values := map[string]any{"collection": p.collection, "action": p.action, "fields": fields}
		if p.filter != nil {
			values["permissions"] = p.filter
		}
		if p.validation != nil {
			values["validation"] = p.validation
		}
		d.app.permissions = append(d.app.permissions, d.permission(row{values, d.app.row.place}, d.app))
	}
}
