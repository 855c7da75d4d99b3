namespace Exact.Tests.Transfer.Comparing;

/// <summary>
/// Every column that Django has, in both databases, under Django's names. Exact keeps NULL where Django writes an empty
/// string for "none": no stored file, no address, no password.
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
        ["auth.group"] = Rows("(SELECT id, name FROM roles)"),
        ["auth.user"] = Rows(
            """
            (SELECT id, coalesce(password_hash, '') AS password, last_login, is_superuser, username, first_name,
                last_name, coalesce(email, '') AS email, is_staff, is_active, date_joined FROM users)
            """
        ),
        ["auth.user.groups"] = Rows("(SELECT user_id, role_id AS group_id FROM user_roles)", "user_id, group_id"),
        ["user_api.company"] = Rows("companies"),
        ["api.challenge"] = Rows(
            """
            (SELECT id, challenge_id, title, description, created_at, created_by, closes_on,
                coalesce(dataset, '') AS dataset, coalesce(mlmodel, '') AS mlmodel, coalesce(xaimethod, '') AS xaimethod FROM challenges)
            """
        ),
        ["api.score"] = Rows("scores"),
    };

    /// <summary>Rows as JSON texts; not as jsonb, which has no minus zero.</summary>
    private static string Rows(string table, string order = "id") =>
        $"SELECT row_to_json(t)::text FROM {table} t ORDER BY {order}";
}
