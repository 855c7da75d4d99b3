namespace Exact.Tests.Transfer.Comparing;

/// <summary>
/// Every row of both databases, with Django's columns under Django's names; what Exact has besides is not compared. Exact
/// keeps NULL where Django writes an empty string for "none": no stored file, no address, no password.
/// </summary>
internal static class ComparedRows
{
    public static readonly IReadOnlyDictionary<string, string> InDjango = new Dictionary<string, string>
    {
        ["auth.group"] = Rows("auth_group"),
        ["auth.user"] = Rows("auth_user"),
        ["auth.user.groups"] = Rows("(SELECT user_id, group_id FROM auth_user_groups)", "user_id, group_id"),
        ["user_api.company"] = Rows("user_api_company"),
        ["api.challenge"] = Rows("api_challenge"),
        ["api.score"] = Rows("api_score"),
        ["auth.user.user_permissions"] = Rows("auth_user_user_permissions"),
        ["auth.group.permissions"] = Rows("auth_group_permissions"),
        ["auth.permission"] = Rows("(SELECT * FROM auth_permission WHERE codename = 'grade')"),
    };

    public static readonly IReadOnlyDictionary<string, string> InExact = new Dictionary<string, string>
    {
        ["auth.group"] = Rows("roles"),
        ["auth.user"] = RowsWith("'password', coalesce(password_hash, ''), 'email', coalesce(email, '')", "users"),
        ["auth.user.groups"] = Rows("(SELECT user_id, role_id AS group_id FROM user_roles)", "user_id, group_id"),
        ["user_api.company"] = Rows("companies"),
        ["api.challenge"] = RowsWith(
            "'dataset', coalesce(dataset, ''), 'mlmodel', coalesce(mlmodel, ''), 'xaimethod', coalesce(xaimethod, '')",
            "challenges"
        ),
        ["api.score"] = Rows("scores"),
    };

    /// <summary>Rows as JSON; not as jsonb, which has no minus zero.</summary>
    private static string Rows(string table, string order = "id") =>
        $"SELECT row_to_json(t)::text FROM {table} t ORDER BY {order}";

    /// <summary>Rows of a table that has no fractional numbers, with some columns as Django writes them.</summary>
    private static string RowsWith(string columns, string table) =>
        $"SELECT (to_jsonb(t) || jsonb_build_object({columns}))::text FROM {table} t ORDER BY id";
}
