using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace Exact.Tests.Support;

/// <summary>An operation of the OpenAPI document.</summary>
internal sealed record DocumentedOperation(string Path, string Method, JsonElement Text, JsonElement Document)
{
    public string Name => $"{Method} {Path}";

    public IReadOnlyList<string> Codes => [.. Text.GetProperty("responses").EnumerateObject().Select(one => one.Name)];

    /// <summary>The names of the security schemes; empty if anybody may call it.</summary>
    public IReadOnlyList<string> Schemes =>
        Text.TryGetProperty("security", out var security)
            ? [.. security.EnumerateArray().Select(one => one.EnumerateObject().Single().Name)]
            : [];

    public bool IsDeprecated => Text.TryGetProperty("deprecated", out _);

    public IReadOnlyList<JsonElement> Parameters =>
        Text.TryGetProperty("parameters", out var all) ? [.. all.EnumerateArray()] : [];

    /// <summary>The media types of the request body, each with what the document says of it.</summary>
    public IReadOnlyList<JsonProperty> Bodies =>
        Text.TryGetProperty("requestBody", out var body) ? [.. body.GetProperty("content").EnumerateObject()] : [];

    /// <summary>The media types of an answer.</summary>
    public IReadOnlyList<JsonProperty> AnswersOf(string code) =>
        Text.GetProperty("responses").GetProperty(code).TryGetProperty("content", out var content)
            ? [.. content.EnumerateObject()]
            : [];

    /// <summary>The schema, with a reference followed.</summary>
    public JsonElement Resolve(JsonElement schema) =>
        schema.TryGetProperty("$ref", out var reference)
            ? Document
                .GetProperty("components")
                .GetProperty("schemas")
                .GetProperty(reference.GetString()!.Split('/')[^1])
            : schema;

    /// <summary>The body of the example; null if the operation takes none.</summary>
    public HttpContent? CreateExample()
    {
        if (Bodies.Count == 0)
        {
            return null;
        }

        var example = Bodies[0].Value.GetProperty("example");
        if (Bodies[0].Name is not "multipart/form-data")
        {
            return new StringContent(example.GetRawText(), Encoding.UTF8, "application/json");
        }

        var form = new MultipartFormDataContent();
        foreach (var part in Resolve(Bodies[0].Value.GetProperty("schema")).GetProperty("properties").EnumerateObject())
        {
            var content = new StringContent($"{example.GetProperty(part.Name)}");
            if (part.Value.TryGetProperty("format", out var format) && format.GetString() is "binary")
            {
                form.Add(content, part.Name, "example.py");
            }
            else
            {
                content.Headers.ContentType = null;
                form.Add(content, part.Name);
            }
        }

        return form;
    }

    public static async Task<IReadOnlyList<DocumentedOperation>> AllAsync(HttpClient client)
    {
        var document = await client.GetFromJsonAsync<JsonElement>(
            "/openapi/v1.json",
            TestContext.Current.CancellationToken
        );
        return
        [
            .. from path in document.GetProperty("paths").EnumerateObject()
            from operation in path.Value.EnumerateObject()
            select new DocumentedOperation(
                path.Name,
                operation.Name.ToUpperInvariant(),
                operation.Value.Clone(),
                document
            ),
        ];
    }
}
