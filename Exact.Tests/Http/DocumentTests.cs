using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using Exact.Api;
using Exact.Infrastructure.Migrating;
using Exact.Tests.Accounts;
using Exact.Tests.Support;
using FluentValidation;

namespace Exact.Tests.Http;

/// <summary>The OpenAPI document says what the running service does.</summary>
public sealed partial class DocumentTests(DocumentApp app, ITestOutputHelper output) : IClassFixture<DocumentApp>
{
    private const string Octets = "application/octet-stream";

    /// <summary>No request of the walk reaches a success: an import is not repeated here, or nothing is there to do.</summary>
    private static readonly string[] WithoutSuccess =
    [
        "GET /api/admin/backups/{name}", // the service has no folder for backups
        "POST /api/admin/backups",
        "POST /api/admin/backups/{name}/verify",
        "POST /api/admin/import/django", // there is no such server
        "DELETE /api/admin/operations/{id}", // nothing runs
        "POST /api/worker/submissions/{id}/heartbeat", // the lease of the example is nobody's
        "POST /api/worker/submissions/{id}/complete",
        "POST /api/worker/submissions/{id}/fail",
        "POST /api/worker/submissions/{id}/release",
        "POST /register", // the name of the example is taken by then
    ];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_operation_has_a_summary_its_codes_examples_and_its_security()
    {
        using var client = app.CreateClient();
        var missing = new List<string>();
        foreach (var operation in await DocumentedOperation.AllAsync(client))
        {
            Check(operation.Text.TryGetProperty("summary", out _), "a summary");
            Check(operation.Codes.Any(code => code[0] == '2'), "a success");
            Check(operation.Codes.Contains("401") || operation.Schemes.Count == 0, "401");
            foreach (
                var body in operation.Bodies.Where(body => body.Name is "application/json" or "multipart/form-data")
            )
            {
                Check(body.Value.TryGetProperty("example", out _), $"an example of its {body.Name}");
            }

            foreach (var code in operation.Codes.Where(code => code[0] == '2'))
            {
                foreach (
                    var answer in operation
                        .AnswersOf(code)
                        .Where(answer => answer.Name is not (Octets or "application/gzip"))
                )
                {
                    Check(answer.Value.TryGetProperty("example", out _), $"an example of its {code} {answer.Name}");
                }
            }

            foreach (var code in operation.Codes.Where(code => code[0] is '4' or '5' && code is not ("412" or "416")))
            {
                Check(operation.AnswersOf(code).Count > 0, $"the form of its {code}");
            }

            void Check(bool isThere, string what)
            {
                if (!isThere)
                {
                    missing.Add($"{operation.Name} lacks {what}.");
                }
            }
        }

        Assert.True(missing.Count == 0, string.Join('\n', missing));
    }

    [Fact]
    public async Task Every_example_is_what_its_contract_reads_and_writes()
    {
        using var client = app.CreateClient();
        var document = (await DocumentedOperation.AllAsync(client))[0].Document;
        var strict = new JsonSerializerOptions(Json.Options)
        {
            TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
            UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
            RespectNullableAnnotations = true,
            RespectRequiredConstructorParameters = true,
        };
        var types = new[] { typeof(Program).Assembly, typeof(MigrationStatus).Assembly }
            .SelectMany(assembly => assembly.GetTypes())
            .ToLookup(type => type.Name);
        var checkedOnes = 0;
        foreach (var schema in document.GetProperty("components").GetProperty("schemas").EnumerateObject())
        {
            if (!schema.Value.TryGetProperty("examples", out var examples))
            {
                continue;
            }

            var contract = Assert.Single(types[schema.Name]);
            foreach (var example in examples.EnumerateArray())
            {
                var properties = strict.GetTypeInfo(contract).Properties.ToDictionary(property => property.Name);
                var validator = app.Services.GetService(typeof(IValidator<>).MakeGenericType(contract)) as IValidator;
                foreach (var member in example.EnumerateObject())
                {
                    Assert.True(properties.Remove(member.Name, out var property), $"{schema.Name}.{member.Name}");
                    if (property!.PropertyType.Name is "LegacyScore")
                    {
                        continue; // it is only written
                    }

                    var value = member.Value.Deserialize(property.PropertyType, strict);
                    Assert.True(
                        JsonNode.DeepEquals(
                            JsonSerializer.SerializeToNode(value, property.PropertyType, strict),
                            JsonNode.Parse(member.Value.GetRawText())
                        ) || validator is not null,
                        $"{schema.Name}.{member.Name}: {member.Value}"
                    );
                }

                if (validator is not null)
                {
                    var read = example.Deserialize(contract, strict)!;
                    Assert.Empty(validator.Validate(new ValidationContext<object>(read)).Errors);
                }
                else if (!schema.Name.EndsWith("Request", StringComparison.Ordinal))
                {
                    Assert.DoesNotContain(
                        properties.Values,
                        left => left.Get is not null && left.ShouldSerialize is null
                    );
                }

                checkedOnes++;
            }
        }

        Assert.InRange(checkedOnes, 30, 100);
    }

    [Fact]
    public async Task Every_operation_answers_only_what_the_document_says_of_it()
    {
        using var client = app.CreateClient(new() { HandleCookies = false });
        var operations = await DocumentedOperation.AllAsync(client);
        var (owner, callers) = await CallersAsync();
        await File.WriteAllTextAsync(Path.Combine(app.Files, "one"), "one", Cancellation);
        var mistakes = new SortedSet<string>();
        var reached = new HashSet<string>();
        var count = 0;
        foreach (var operation in operations.OrderBy(EndsSomething))
        {
            if (EndsSomething(operation) == 2)
            {
                (owner, callers) = await CallersAsync(); // the operation before has ended their sessions
            }

            foreach (var (caller, header, value) in callers)
            {
                if (caller is "nobody" || operation.Method is "DELETE")
                {
                    await app.Database.ExecuteAsync(WhatTheyActOn(owner));
                }

                var isFull = caller is "staff"; // who may do everything
                foreach (var (what, request) in RequestsTo(operation).Where((_, i) => isFull || i < 2))
                {
                    using (request)
                    {
                        request.Headers.TryAddWithoutValidation(header, value);
                        request.Headers.Add(ExactApp.Sender, $"10.0.{count / 250}.{count % 250}"); // no address is throttled
                        using var answer = await client
                            .SendAsync(request, Cancellation)
                            .WaitAsync(Wait.Limit, Cancellation);
                        count++;
                        var body = await answer.Content.ReadAsByteArrayAsync(Cancellation);
                        var type = body.Length == 0 ? null : answer.Content.Headers.ContentType?.MediaType;
                        Judge(operation, $"{(int)answer.StatusCode}", type, $"{what} by {caller}");
                    }
                }
            }
        }

        output.WriteLine($"{count} requests");
        var unreached = operations.Select(operation => operation.Name).Except(reached).Order();
        Assert.True(mistakes.Count == 0, string.Join('\n', mistakes));
        Assert.Equal(WithoutSuccess.Order(), unreached);

        void Judge(DocumentedOperation operation, string code, string? type, string what)
        {
            if (code[0] == '2')
            {
                reached.Add(operation.Name);
            }

            if (!operation.Codes.Contains(code))
            {
                mistakes.Add($"{operation.Name}: {code} is not documented ({what})");
            }
            else if (type is not null && operation.AnswersOf(code).All(one => one.Name != type))
            {
                mistakes.Add($"{operation.Name}: {code} as {type} is not documented ({what})");
            }
        }
    }

    /// <summary>What ends a session or deletes something comes last.</summary>
    private static int EndsSomething(DocumentedOperation operation) =>
        operation.Path.Split('/')[^1] is "logout" or "password" ? 2
        : operation.Method is "DELETE" ? 1
        : 0;

    /// <summary>Requests for an operation: the first as the document shows it, the others wrong in one way each.</summary>
    private static IEnumerable<(string What, HttpRequestMessage Request)> RequestsTo(DocumentedOperation operation)
    {
        var (method, path) = (new HttpMethod(operation.Method), Parameter().Replace(operation.Path, "1"));
        path = path.Replace("/files/1", "/files/method", StringComparison.Ordinal);
        yield return ("a good request", Good());
        var foreign = Good();
        foreign.Headers.Add("Sec-Fetch-Site", "cross-site");
        yield return ("a request of another site", foreign);
        var (any, other) = (Good(), Good());
        other.RequestUri = new($"{path}?nonsense=1", UriKind.Relative);
        yield return ("an unknown parameter", other);
        any.RequestUri = new(Parameter().Replace(operation.Path, "999"), UriKind.Relative);
        yield return ("an unknown id", any);
        if (operation.Parameters.Any(parameter => parameter.GetProperty("name").GetString() == "limit"))
        {
            yield return ("a wrong limit", new(method, $"{path}?limit=0"));
        }

        foreach (
            var format in operation.Codes.Contains("200") && operation.AnswersOf("200").Count > 2
                ? ["csv", "jsonl"]
                : Array.Empty<string>()
        )
        {
            yield return (format, new(method, $"{path}?format={format}"));
        }

        if (operation.Bodies.Count > 0)
        {
            yield return ("no body", new(method, path));
            foreach (var (type, body) in Wrong(operation.Bodies[0].Name))
            {
                var content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
                content.Headers.TryAddWithoutValidation("Content-Type", type);
                yield return ($"{type} {body[..Math.Min(body.Length, 20)]}", new(method, path) { Content = content });
            }
        }

        if (operation.Codes.Contains("206"))
        {
            foreach (
                var (header, value) in new[]
                {
                    ("Range", "bytes=0-1"),
                    ("Range", "bytes=9-"),
                    ("If-None-Match", "*"),
                    ("If-Match", "\"x\""),
                }
            )
            {
                var download = new HttpRequestMessage(method, path);
                download.Headers.TryAddWithoutValidation(header, value);
                yield return ($"{header} {value}", download);
            }
        }

        HttpRequestMessage Good() => new(method, path) { Content = operation.CreateExample() };
    }

    private static IEnumerable<(string Type, string Body)> Wrong(string type)
    {
        yield return (type, "{");
        yield return (type, "[]");
        yield return (type, "null");
        yield return (type, "{}");
        yield return ("text/plain", "words");
        yield return ("multipart/form-data", "no boundary");
        yield return ("multipart/form-data; boundary=x", "--x\r\ncut off");
        if (type is "application/json")
        {
            yield return (type, new string(' ', 2_000_000));
        }
    }

    /// <summary>The callers, each with the header that it sends.</summary>
    private async Task<(string Owner, (string Name, string Header, string Value)[] Callers)> CallersAsync()
    {
        var (participant, owner, staff) = (
            await app.RegisterAsync(),
            await app.RegisterAsync(),
            await app.RegisterAsync(isStaff: true)
        );
        using var browser = await app.SignInAsync(owner);
        var (_, secret) = await AccountsApp.CreateTokenAsync(browser, ["read"]); // token 1, which a request deletes
        return (
            owner,
            [
                ("nobody", "X-Nothing", ""),
                ("participant", "Cookie", await app.CookieAsync(participant)),
                ("owner", "Cookie", await app.CookieAsync(owner)),
                ("staff", "Cookie", await app.CookieAsync(staff)),
                ("admin key", "Authorization", $"Bearer {ExactApp.AdminKey}"),
                ("wrong key", "Authorization", "Bearer this is not the key"),
                ("token", "Authorization", $"Bearer {secret}"),
            ]
        );
    }

    /// <summary>Challenge 1 of this owner, with a file, an evaluated submission 1, and submission 2, which waits.</summary>
    private static string WhatTheyActOn(string owner) =>
        $"""
            INSERT INTO challenges (challenge_id, title, description, created_at, created_by, dataset, mlmodel, xaimethod)
            VALUES ('1', 'One', '', now(), '{owner}', 'one', 'one', 'one') ON CONFLICT DO NOTHING;
            UPDATE challenges SET closes_on = NULL, dataset = 'one', mlmodel = 'one', xaimethod = 'one'
            WHERE challenge_id = '1';
            INSERT INTO stored_files (key, original_name, content_type, size, sha256, created_at, created_by)
            VALUES ('one', 'one.py', 'application/octet-stream', 3, repeat('0', 64), now(), '{owner}')
            ON CONFLICT DO NOTHING;
            INSERT INTO scores (id, username, challenge_id, status, created_at)
            VALUES (1, '{owner}', '1', 'completed', now()), (2, '{owner}', '1', 'pending', now()) ON CONFLICT DO NOTHING;
            UPDATE scores SET status = 'completed' WHERE id = 1;
            INSERT INTO submissions (id, score_id, file, size, sha256, original_name, attempts, counts, queued_at)
            VALUES (1, 1, 'one', 3, repeat('0', 64), 'one.py', 1, true, now()),
                (2, 2, 'one', 3, repeat('0', 64), 'one.py', 0, true, now()) ON CONFLICT DO NOTHING;
            SELECT setval(pg_get_serial_sequence(name, 'id'), 100)
            FROM unnest(ARRAY['scores', 'submissions']) AS name
            WHERE (SELECT max(id) FROM scores) < 100;
            """;

    [GeneratedRegex(@"\{[^}]*\}")]
    private static partial Regex Parameter();
}
