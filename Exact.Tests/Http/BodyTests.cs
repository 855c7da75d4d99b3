using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Exact.Tests.Support;

namespace Exact.Tests.Http;

/// <summary>No body is an error of the service, and a refusal names the field.</summary>
public sealed partial class BodyTests(DocumentApp app, ITestOutputHelper output) : IClassFixture<DocumentApp>
{
    private const int Rounds = 30;

    private static readonly int Seed = int.Parse(
        Environment.GetEnvironmentVariable("EXACT_BODY_SEED") ?? "20261127",
        null
    );

    private static readonly string[] Values =
    [
        "null",
        "true",
        "\"\"",
        "\" \"",
        "\"a\\u0000b\"",
        "\"\\ud800\"",
        "\"\\r\\nX: y\"",
        "\"../../etc\"",
        "\"'\"",
        "\"1\"",
        "0",
        "-1",
        "1",
        "1.5",
        "1e3",
        "1e400",
        "-0",
        "2147483648",
        "9223372036854775808",
        "[]",
        "[null]",
        "[\"emd\"]",
        "[\"admin\", null]",
        "[[[[]]]]",
        "{}",
        "{\"a\": {\"b\": null}}",
        "{\"daily_limit\": 0}",
        "{\"accepted_types\": [null]}",
        "\"NaN\"",
        "\"2026-13-01\"",
        "\"0001-01-01T00:00:00Z\"",
        "\"9999-12-31T23:59:59.9999999-14:00\"",
        "\"2099-01-01\"",
        "\"00000000-0000-0000-0000-000000000000\"",
        "\"😀\"",
    ];

    private static readonly string[] Broken =
    [
        "",
        " ",
        "{",
        "[]",
        "null",
        "1",
        "\"x\"",
        "{}",
        "{\"a\":1,}",
        "{\"\":1}",
        "\u0000",
        "{\"reason\":\"\\ud800\"}",
        "[[[[[[[[",
        "{\"username\":\"a\",\"username\":\"b\"}",
    ];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task No_body_of_any_route_is_an_error_of_the_service()
    {
        var random = new Random(Seed);
        output.WriteLine($"EXACT_BODY_SEED={Seed}");
        await app.Database.ExecuteAsync(
            """
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by)
            VALUES ('1', 'One', '', now(), 'ada');
            INSERT INTO scores (username, challenge_id, status, created_at)
            VALUES ('ada', '1', 'completed', now());
            INSERT INTO submissions (score_id, file, size, sha256, original_name, attempts, counts, queued_at)
            VALUES (1, 'one', 0, repeat('0', 64), 'one.py', 1, true, now())
            """
        );
        using var client = app.CreateClient(new() { HandleCookies = false });
        var cookie = await app.CookieAsync(await app.RegisterAsync(isStaff: true));
        var codes = new SortedDictionary<int, int>();
        var mistakes = new SortedSet<string>();
        var count = 0;
        foreach (var operation in await DocumentedOperation.AllAsync(client))
        {
            for (var round = 0; round < Rounds && operation.Bodies.Count > 0; round++)
            {
                var address = Parameter().Replace(operation.Path, "1");
                using var request = new HttpRequestMessage(new(operation.Method), address);
                (request.Content, var shown) = BodyOf(operation, random);
                request.Headers.Add("Cookie", cookie);
                request.Headers.Add(ExactApp.Sender, $"10.1.{count / 250}.{count++ % 250}");
                using var answer = await client.SendAsync(request, Cancellation).WaitAsync(Wait.Limit, Cancellation);
                var text = await answer.Content.ReadAsStringAsync(Cancellation);
                var code = (int)answer.StatusCode;
                codes[code] = codes.GetValueOrDefault(code) + 1;
                if (code >= 500 || !operation.Codes.Contains($"{code}"))
                {
                    mistakes.Add($"{operation.Name} {shown}: {code} {text}");
                }

                if (code == 400 && !NamesTheField(operation, text))
                {
                    mistakes.Add($"{operation.Name} {shown}: names no field: {text}");
                }

                if (operation.Path.EndsWith("/password", StringComparison.Ordinal) && code == 204)
                {
                    cookie = answer.Headers.GetValues("Set-Cookie").Single().Split(';')[0];
                }
            }
        }

        output.WriteLine(string.Join(", ", codes.Select(code => $"{code.Value} × {code.Key}")));
        Assert.True(mistakes.Count == 0, $"EXACT_BODY_SEED={Seed}\n{string.Join('\n', mistakes)}");
        Assert.InRange(codes[400], 100, 5000);
        Assert.InRange(codes[200] + codes[201], 50, 5000);
    }

    /// <summary>Whether a field is at fault that the operation has, or the body as a whole.</summary>
    private static bool NamesTheField(DocumentedOperation operation, string text)
    {
        var problem = JsonElement.Parse(text);
        if (problem.TryGetProperty("errors", out var errors) && errors.ValueKind is JsonValueKind.Object)
        {
            var schema = operation.Resolve(operation.Bodies[0].Value.GetProperty("schema"));
            var known = schema.GetProperty("properties").EnumerateObject().Select(one => one.Name).Append("body"); // the whole of it
            return errors.EnumerateObject().Any()
                && errors
                    .EnumerateObject()
                    .All(error =>
                        known.Contains(error.Name.Split('.', '[')[0])
                        || error.Value.GetRawText().Contains("There is no", StringComparison.Ordinal)
                    );
        }

        return operation.IsDeprecated
            || operation.Path is "/api/admin/import" // it names the record
            || text.Contains("The body ", StringComparison.Ordinal)
            || text.Contains("form", StringComparison.Ordinal);
    }

    private static (HttpContent Content, string Shown) BodyOf(DocumentedOperation operation, Random random)
    {
        var body = operation.Bodies[0];
        if (body.Name is "multipart/form-data")
        {
            return FormOf(operation, random);
        }

        var json =
            random.Next(5) == 0
                ? Broken[random.Next(Broken.Length)]
                : Mutate(body.Value.GetProperty("example"), random);
        return (new StringContent(json, Encoding.UTF8, "application/json"), json);
    }

    /// <summary>The example with one or two fields left out, or with another value.</summary>
    private static string Mutate(JsonElement example, Random random)
    {
        if (example.ValueKind is not JsonValueKind.Object)
        {
            return example.GetRawText().Replace("\"api.challenge\"", Value(random), StringComparison.Ordinal);
        }

        var fields = example.EnumerateObject().ToDictionary(field => field.Name, field => field.Value.GetRawText());
        for (var i = random.Next(1, 3); i > 0 && fields.Count > 0; i--)
        {
            var name = fields.Keys.ElementAt(random.Next(fields.Count));
            if (random.Next(5) == 0)
            {
                fields.Remove(name);
            }
            else
            {
                var value = Value(random);
                fields[name] = name is "wait" && value is "1" ? "0" : value; // a long poll is no error
            }
        }

        return $"{{{string.Join(", ", fields.Select(field => $"\"{field.Key}\": {field.Value}"))}}}";
    }

    private static (HttpContent Content, string Shown) FormOf(DocumentedOperation operation, Random random)
    {
        var form = new MultipartFormDataContent();
        var shown = new StringBuilder();
        var schema = operation.Resolve(operation.Bodies[0].Value.GetProperty("schema")).GetProperty("properties");
        foreach (var part in schema.EnumerateObject().Where(_ => random.Next(4) > 0))
        {
            var isFile = part.Value.TryGetProperty("format", out var format) && format.GetString() is "binary";
            var value = random.Next(3) == 0 ? Value(random).Trim('"') : $"{part.Value.GetProperty("examples")[0]}";
            var name = random.Next(15) == 0 ? "nonsense" : part.Name;
            for (var times = random.Next(15) == 0 ? 2 : 1; times > 0; times--)
            {
                var content = new ByteArrayContent(Encoding.UTF8.GetBytes(value));
                content.Headers.TryAddWithoutValidation(
                    "Content-Disposition",
                    isFile != (random.Next(15) == 0)
                        ? $"form-data; name=\"{name}\"; filename=\"{Names[random.Next(Names.Length)]}\""
                        : $"form-data; name=\"{name}\""
                );
                form.Add(content);
                shown.Append(null, $"{name}={value};");
            }
        }

        if (random.Next(10) == 0)
        {
            var boundary = form.Headers.ContentType!.ToString();
            var cut = new ByteArrayContent(Encoding.UTF8.GetBytes("--x\r\nContent-Disposition: form-data"));
            cut.Headers.ContentType = MediaTypeHeaderValue.Parse(
                random.Next(2) == 0 ? boundary : "multipart/form-data"
            );
            form.Dispose();
            return (cut, "cut off");
        }

        return (form, $"{shown}");
    }

    private static readonly string[] Names =
    [
        "a.py",
        "",
        "../../x",
        "C:\\\\x.py",
        "a\\\"b",
        "ü.py",
        new('n', 300),
        ".",
        "a/b",
    ];

    private static string Value(Random random) =>
        random.Next(6) switch
        {
            0 => $"\"{new string('x', random.Next(1, 5000))}\"",
            1 => JsonSerializer.Serialize(
                new string([.. Enumerable.Range(0, random.Next(12)).Select(_ => (char)random.Next(1, 0xD7FF))])
            ),
            _ => Values[random.Next(Values.Length)],
        };

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex Parameter();
}
