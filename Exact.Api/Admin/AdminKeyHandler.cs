using System.Globalization;
using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace Exact.Api.Admin;

internal sealed class AdminKeyOptions : AuthenticationSchemeOptions
{
    /// <summary>The key that opens the door; null keeps it closed.</summary>
    public string? Key { get; set; }
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

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var header = Request.Headers.Authorization.ToString();
        if (!header.StartsWith($"{Scheme} ", StringComparison.OrdinalIgnoreCase))
        {
            return Task.FromResult(AuthenticateResult.NoResult());
        }

        // Whoever has to wait is not told whether this key would have been the right one.
        var address = Context.Connection.RemoteIpAddress;
        waitFor = wrongKeys.FindWait(address);
        if (waitFor is null && !IsRight(header[Scheme.Length..].Trim()))
        {
            waitFor = wrongKeys.Add(address);
        }
        else if (waitFor is null)
        {
            var identity = new ClaimsIdentity(
                [new(ClaimTypes.Name, AdminAccess.KeyActor), new(ClaimTypes.Role, AdminAccess.Policy)],
                Scheme
            );
            return Task.FromResult(AuthenticateResult.Success(new(new(identity), Scheme)));
        }

        return Task.FromResult(AuthenticateResult.NoResult()); // what needs no key is answered all the same
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        if (waitFor is { } wait)
        {
            Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
            return TypedResults
                .Problem(
                    statusCode: StatusCodes.Status429TooManyRequests,
                    title: "Too many wrong admin keys came from this address.",
                    detail: "Until the time in Retry-After has passed, no key from this address is looked at."
                )
                .ExecuteAsync(Context);
        }

        Response.Headers.WWWAuthenticate = Scheme;
        return TypedResults
            .Problem(
                statusCode: StatusCodes.Status401Unauthorized,
                title: "This needs the admin key.",
                detail: Options.Key is null
                    ? "No admin key is configured: set Admin__KeyFile (or Admin__Key) and start the service again."
                    : "Send it as \"Authorization: Bearer KEY\"."
            )
            .ExecuteAsync(Context);
    }

    /// <summary>Compares hashes, so that neither the content nor the length of the key shows in the time it takes.</summary>
    private bool IsRight(string sent) =>
        Options.Key is not null
        && CryptographicOperations.FixedTimeEquals(
            SHA256.HashData(Encoding.UTF8.GetBytes(sent)),
            SHA256.HashData(Encoding.UTF8.GetBytes(Options.Key))
        );
}
