using System.Globalization;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using Exact.Infrastructure.Operations;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace Exact.Api.Access;

internal sealed class AdminKeyOptions : AuthenticationSchemeOptions
{
    /// <summary>The admin key; null refuses every caller.</summary>
    public string? Key { get; set; }

    /// <summary>Compares hashes, so that the time it takes reveals neither the content nor the length of the key.</summary>
    public bool IsRight(string sent) =>
        Key is not null && CryptographicOperations.FixedTimeEquals(HashOf(sent), HashOf(Key));

    private static byte[] HashOf(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}

/// <summary>Recognises the admin key in <c>Authorization: Bearer KEY</c>.</summary>
internal sealed class AdminKeyHandler(
    WrongKeys wrongKeys,
    IOptionsMonitor<AdminKeyOptions> options,
    ILoggerFactory logger,
    UrlEncoder encoder
) : AuthenticationHandler<AdminKeyOptions>(options, logger, encoder)
{
    public new const string Scheme = "Bearer";

    private TimeSpan? waitFor;

    /// <summary>What the request sends after <c>Bearer</c>: the admin key or a personal token.</summary>
    public static string? KeyOf(HttpRequest request)
    {
        var header = request.Headers.Authorization.ToString();
        return header.StartsWith($"{Scheme} ", StringComparison.OrdinalIgnoreCase)
            ? header[Scheme.Length..].Trim()
            : null;
    }

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (KeyOf(Request) is not { } key)
        {
            return Task.FromResult(AuthenticateResult.NoResult());
        }

        // While an address has to wait, the answer does not tell whether its key is right.
        var address = Context.Connection.RemoteIpAddress;
        waitFor = wrongKeys.FindWait(address);
        if (waitFor is null && !Options.IsRight(key))
        {
            waitFor = wrongKeys.Add(address);
        }
        else if (waitFor is null)
        {
            var identity = new ClaimsIdentity(
                [new(ClaimTypes.Name, Actors.AdminKey), new(ClaimTypes.Role, AdminAccess.Policy)],
                Scheme
            );
            return Task.FromResult(AuthenticateResult.Success(new(new(identity), Scheme)));
        }

        return Task.FromResult(AuthenticateResult.NoResult()); // an endpoint that needs no key still answers
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        if (waitFor is { } wait)
        {
            Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
            return TypedResults
                .Problem(
                    statusCode: StatusCodes.Status429TooManyRequests,
                    title: "This address has sent too many wrong admin keys.",
                    detail: "Wait as long as Retry-After says. Until then, every key from this address is refused."
                )
                .ExecuteAsync(Context);
        }

        return Refusals.UnauthorizedAsync(
            Context,
            Options.Key is null
                ? "The service has no admin key. Set Admin__KeyFile (or Admin__Key), and start the service again."
                : null
        );
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) =>
        Refusals.ForbiddenAsync(Context);
}
