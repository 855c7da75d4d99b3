namespace Exact.Tests.Transfer;

/// <summary>Records as Django writes them, with what a test is about put in.</summary>
internal static class Sample
{
    private const string Hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    public static string Challenge(long pk = 1, string id = "c1", string fields = "") =>
        Record(
            "api.challenge",
            pk,
            $$""" "challenge_id": "{{id}}", "title": "t", "description": "d", "created_at": "2025-01-01T00:00:00", "created_by": "ada"{{Also(fields)}}"""
        );

    public static string Score(long pk = 1, string challenge = "c1", string fields = "") =>
        Record(
            "api.score",
            pk,
            $$""" "username": "ada", "challenge_id": "{{challenge}}", "created_at": "2025-01-01T00:00:00", "status": "completed"{{Also(fields)}}"""
        );

    public static string User(long pk = 1, string name = "ada", string fields = "") =>
        Record(
            "auth.user",
            pk,
            $$""" "username": "{{name}}", "password": "pbkdf2_sha256$260000$a$b", "date_joined": "2025-01-01T00:00:00"{{Also(fields)}}"""
        );

    public static string Company(long pk = 1, string user = "1", string fields = "") =>
        Record(
            "user_api.company",
            pk,
            $$""" "user": {{user}}, "name": "ACME", "created_at": "2025-01-01T00:00:00"{{Also(fields)}}"""
        );

    public static string Group(long pk = 1, string name = "editors") =>
        Record("auth.group", pk, $$""" "name": "{{name}}", "permissions": []""");

    public static string Rules(long? pk = 1, string challenge = "c1", string fields = "") =>
        Record("exact.challengerules", pk, $""" "challenge_id": "{challenge}"{Also(fields)}""");

    public static string Stored(long? pk = 1, string key = "3f/3fa8", string fields = "") =>
        Record(
            "exact.storedfile",
            pk,
            $""" "key": "{key}", "original_name": "ü.py", "content_type": "text/x-python", "size": 7, "sha256": "{Hash}", "created_at": "2025-01-01T00:00:00Z", "created_by": "ada"{Also(fields)}"""
        );

    public static string Submission(long? pk = 1, long score = 1, string fields = "") =>
        Record(
            "exact.submission",
            pk,
            $""" "score": {score}, "file": "3f/3fa8", "size": 7, "sha256": "{Hash}", "original_name": "ü.py", "queued_at": "2025-01-01T00:00:00Z"{Also(fields)}"""
        );

    public static string Disqualification(long? pk = 1, long score = 1, string fields = "") =>
        Record(
            "exact.disqualification",
            pk,
            $""" "score": {score}, "reason": "late", "created_by": "ada", "created_at": "2025-01-01T00:00:00Z"{Also(fields)}"""
        );

    public static string Record(string model, long? pk, string fields) =>
        $$"""{"model": "{{model}}", "pk": {{pk?.ToString() ?? "null"}}, "fields": { {{fields}} } }""";

    public static string Fixture(params string[] records) => $"[{string.Join(",\n", records)}]";

    private static string Also(string fields) => fields.Length == 0 ? "" : $", {fields}";
}
