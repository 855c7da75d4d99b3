using System.Globalization;

namespace Exact.Bench;

/// <summary>
/// A fixture as <c>dumpdata</c> writes it, the same for the same seed: users, challenges and scores, about 400 bytes a
/// score.
/// </summary>
internal sealed record SeededFixture(int Scores)
{
    private const int Seed = 20251122;

    private static readonly string[] Methods = ["grad-cam", "saliency", "integrated gradients", "LIME", "naïve"];

    /// <summary>The scores' keys begin after this one.</summary>
    public int KeysAfter { get; init; }

    /// <summary>Every score has another value than without this.</summary>
    public bool Changed { get; init; }

    /// <summary>Half of the scores are in the first challenge.</summary>
    public bool OneIsLarge { get; init; }

    public int Users => Math.Max(Scores / 100, 10);

    public int Challenges => Math.Max(Scores / 1000, 3);

    public void WriteTo(string path)
    {
        using var file = new StreamWriter(path);
        file.Write('[');
        for (var n = 1; n <= Users; n++)
        {
            file.Write(User(n));
            file.Write(", ");
        }

        for (var n = 1; n <= Challenges; n++)
        {
            file.Write(Challenge(n));
            file.Write(", ");
        }

        var random = new Random(Seed);
        for (var n = 1; n <= Scores; n++)
        {
            file.Write(Score(n, random));
            file.Write(n < Scores ? ", " : "]");
        }
    }

    private static string User(int n)
    {
        var isSuperuser = n == 1 ? "true" : "false";
        return Record(
            "auth.user",
            n,
            $"""
            "password": "pbkdf2_sha256$260000$NaCl{n}$z6hq1zC5PwzI5fO8VhBd9m3oQeJ3bUW1XbXqv1o3b1E=", "last_login": null,
            "is_superuser": {isSuperuser}, "username": "user{n}", "first_name": "Ada", "last_name": "Müller",
            "email": "user{n}@example.org", "is_staff": false, "is_active": true, "date_joined": "{Time(n)}",
            "groups": [], "user_permissions": []
            """
        );
    }

    private static string Challenge(int n) =>
        Record(
            "api.challenge",
            n,
            $"""
            "challenge_id": "{Name(n)}", "title": "Challenge {n}", "description": "What does \"model\" {n} look at?",
            "created_at": "{Time(n)}", "created_by": "user1", "closes_on": null,
            "dataset": "challenges/{n}/dataset.zip", "mlmodel": "", "xaimethod": ""
            """
        );

    private string Score(int n, Random random)
    {
        var user = random.Next(1, Users + 1);
        var challenge = Name(OneIsLarge && n % 2 == 0 ? 1 : random.Next(1, Challenges + 1));
        var emd = random.NextDouble() / (Changed ? 2 : 1);
        var ima = random.NextDouble() / (Changed ? 2 : 1);
        var method = Methods[random.Next(Methods.Length)];
        var (status, error) =
            random.Next(20) == 0 ? ("failed", "\"0 of 25 saliency maps: «out of memory»\"") : ("completed", "null");
        return Record(
            "api.score",
            KeysAfter + n,
            $"""
            "username": "user{user}", "challenge_id": "{challenge}", "score": {emd}, "emd_score": {emd},
            "emd_std": {emd / 10}, "ima_score": {ima}, "ima_std": {ima / 10}, "method_name": "{method}",
            "created_at": "{Time(n)}", "status": "{status}", "error_message": {error}
            """
        );
    }

    private static string Record(string model, int key, string fields) =>
        $$"""{"model": "{{model}}", "pk": {{key}}, "fields": {{{fields.ReplaceLineEndings(" ")}} } }""";

    /// <summary>A UUID, as the backend that Exact replaces names its challenges.</summary>
    public static string Name(int n)
    {
        var bytes = new byte[16];
        new Random(Seed + n).NextBytes(bytes);
        return new Guid(bytes).ToString();
    }

    private static string Time(int n) =>
        new DateTime(2025, 1, 1, 0, 0, 0, DateTimeKind.Utc)
            .AddSeconds(n * 7L)
            .AddMilliseconds(n % 1000)
            .ToString("yyyy-MM-ddTHH:mm:ss.fff", CultureInfo.InvariantCulture);
}
