using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace Exact.Tests.Challenges;

/// <summary>The form of a new challenge, and the answers to it.</summary>
internal static class ChallengeForms
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>A form with these fields, in this order.</summary>
    public static MultipartFormDataContent Form(params (string Name, string Value)[] fields)
    {
        var form = new MultipartFormDataContent { HeaderEncodingSelector = (_, _) => Encoding.UTF8 };
        foreach (var (name, value) in fields)
        {
            form.Add(new StringContent(value), name);
        }

        return form;
    }

    /// <summary>Adds a file, with the header as it stands.</summary>
    public static MultipartFormDataContent With(
        this MultipartFormDataContent form,
        string name,
        HttpContent content,
        string disposition,
        string? type = null
    )
    {
        content.Headers.Remove("Content-Type");
        content.Headers.TryAddWithoutValidation("Content-Type", type);
        content.Headers.TryAddWithoutValidation("Content-Disposition", $"form-data; name=\"{name}\"; {disposition}");
        form.Add(content);
        return form;
    }

    public static MultipartFormDataContent With(this MultipartFormDataContent form, string name, string content) =>
        form.With(name, new ByteArrayContent(Encoding.UTF8.GetBytes(content)), $"filename=\"{name}.txt\"");

    /// <summary>Creates a challenge and returns its name.</summary>
    public static async Task<string> CreateAsync(this HttpClient client, MultipartFormDataContent form)
    {
        using var answer = await client.PostAsync(new Uri("/api/challenges", UriKind.Relative), form, Cancellation);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Cancellation));
        var challenge = await answer.Content.ReadFromJsonAsync<JsonElement>(Cancellation);
        Assert.Equal(
            $"/api/challenges/{challenge.GetProperty("challenge_id")}",
            answer.Headers.Location!.OriginalString
        );
        return challenge.GetProperty("challenge_id").GetString()!;
    }

    /// <summary>Sends a request, and returns the status and the body.</summary>
    public static async Task<(int Status, string Body)> SendAsync(
        this HttpClient client,
        string method,
        string path,
        HttpContent? content = null
    )
    {
        using var request = new HttpRequestMessage(new(method), path) { Content = content };
        using var answer = await client.SendAsync(request, Cancellation);
        return ((int)answer.StatusCode, await answer.Content.ReadAsStringAsync(Cancellation));
    }

    public static StringContent Json(string json) => new(json, new MediaTypeHeaderValue("application/json"));
}
