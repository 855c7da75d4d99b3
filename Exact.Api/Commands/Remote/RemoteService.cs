using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Exact.Infrastructure;

namespace Exact.Api.Commands.Remote;

/// <summary>A service elsewhere, as the commands use it over HTTP.</summary>
internal sealed class RemoteService : IDisposable
{
    private readonly HttpClient http;

    public RemoteService(Uri address, string key)
        : this(
            new HttpClient(new SocketsHttpHandler { AutomaticDecompression = DecompressionMethods.All })
            {
                BaseAddress = address,
                Timeout = Timeout.InfiniteTimeSpan, // an import takes as long as it takes
            },
            key
        ) { }

    /// <param name="http">A client whose base address is that of the service.</param>
    /// <param name="key">The admin key, or a token.</param>
    public RemoteService(HttpClient http, string key)
    {
        this.http = http;
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        http.DefaultRequestHeaders.UserAgent.ParseAdd($"exact/{Product.Version}");
    }

    public string Address => http.BaseAddress!.ToString().TrimEnd('/');

    /// <summary>Gets a JSON document.</summary>
    /// <exception cref="RemoteException">The service does not answer, or refuses.</exception>
    public async Task<T> GetAsync<T>(string path, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(path, UriKind.Relative));
        using var answer = await SendAsync(request, cancellationToken);
        return await ReadAsync<T>(answer, cancellationToken);
    }

    /// <summary>Posts, and gets a JSON document.</summary>
    /// <inheritdoc cref="GetAsync"/>
    public async Task<T> PostAsync<T>(string path, HttpContent? content, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(path, UriKind.Relative));
        request.Content = content;
        request.Headers.ExpectContinue = content is not null; // a wrong key is noticed before the upload
        using var answer = await SendAsync(request, cancellationToken);
        return await ReadAsync<T>(answer, cancellationToken);
    }

    /// <summary>Sends a request, and returns the answer once its headers are there.</summary>
    /// <exception cref="RemoteException">The service does not answer, or refuses.</exception>
    public async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        HttpResponseMessage answer;
        try
        {
            answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        }
        catch (HttpRequestException e)
        {
            throw Lost(e);
        }

        if (answer.IsSuccessStatusCode)
        {
            return answer;
        }

        using (answer)
        {
            throw await RefusalAsync(answer, cancellationToken);
        }
    }

    /// <summary>Says that the connection failed, or was lost.</summary>
    public RemoteException Lost(Exception failure) =>
        new(
            $"{Address} does not answer: {failure.GetBaseException().Message.TrimEnd('.')}. "
                + "Check --url, the network, and whether the service runs."
        );

    private async Task<T> ReadAsync<T>(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        try
        {
            return (await answer.Content.ReadFromJsonAsync<T>(Json.Options, cancellationToken))!;
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw Lost(e);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            throw new RemoteException($"What answers at {Address} is not Exact. Check --url.");
        }
    }

    private async Task<RemoteException> RefusalAsync(HttpResponseMessage answer, CancellationToken cancellationToken)
    {
        JsonElement? problem = null;
        try
        {
            problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Json.Options, cancellationToken);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or HttpRequestException or IOException)
        {
            // it has no problem document
        }

        var given = new RemoteException("") { Problem = problem };
        var sentences = $"{given["title"]} {given["detail"]}".Trim();
        var mistakes = Mistakes(problem);
        return answer.StatusCode switch
        {
            HttpStatusCode.Unauthorized => new(
                $"{Address} does not accept the key. Check --key-file, or {RemoteOptions.KeyVariable}."
            ),
            HttpStatusCode.BadRequest when mistakes.Length > 0 => new(mistakes, ExitCode.NotUnderstood),
            _ when sentences.Length > 0 => new(sentences) { Problem = problem },
            var status => new($"{Address} answers {(int)status} without saying why. Check --url."),
        };
    }

    /// <summary>What is wrong with each parameter, as a validation problem lists it.</summary>
    private static string Mistakes(JsonElement? problem) =>
        problem is { ValueKind: JsonValueKind.Object } document
        && document.TryGetProperty("errors", out var errors)
        && errors.ValueKind is JsonValueKind.Object
            ? string.Join(
                ' ',
                errors.EnumerateObject().SelectMany(one => one.Value.EnumerateArray()).Select(one => one.GetString())
            )
            : "";

    public void Dispose() => http.Dispose();
}
