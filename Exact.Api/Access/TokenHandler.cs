using System.Security.Claims;
using System.Text.Encodings.Web;
using Exact.Infrastructure.Accounts;
using Exact.Infrastructure.Database;
using Microsoft.AspNetCore.Authentication;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Exact.Api.Access;

/// <summary>Recognises a personal token in <c>Authorization: Bearer exact_pat_…</c>.</summary>
internal sealed class TokenHandler(
    ExactDbContext database,
    NpgsqlDataSource sessions,
    IOptionsMonitor<AuthenticationSchemeOptions> options,
    ILoggerFactory logger,
    UrlEncoder encoder
) : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public new const string Scheme = "Token";

    /// <summary>Whether the request carries one, rather than the admin key.</summary>
    public static bool IsSent(HttpRequest request) =>
        AdminKeyHandler.KeyOf(request)?.StartsWith(TokenSecret.Prefix, StringComparison.Ordinal) is true;

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var secret = AdminKeyHandler.KeyOf(Request)!;
        if (!TokenSecret.IsWellFormed(secret))
        {
            return AuthenticateResult.Fail("The token is mistyped.");
        }

        try
        {
            return await sessions.TryTwiceAsync(() => FindAsync(TokenSecret.HashOf(secret))) is { } principal
                ? AuthenticateResult.Success(new(principal, Scheme))
                : AuthenticateResult.Fail("The token is unknown or has expired.");
        }
        catch (Exception e) when (PostgresErrors.FaultOf(e) is not null)
        {
            Context.KeepFault(e);
            return AuthenticateResult.Fail("The database does not answer.");
        }
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties) =>
        Refusals.UnauthorizedAsync(Context, "This token is unknown, revoked or expired, or its account is disabled.");

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) =>
        Refusals.ForbiddenAsync(Context);

    private async Task<ClaimsPrincipal?> FindAsync(byte[] hash)
    {
        var now = TimeProvider.GetUtcNow();
        var found = await (
            from token in database.ApiTokens.AsNoTracking()
            join user in database.Users.AsNoTracking() on token.UserId equals user.Id
            where token.Hash == hash && user.IsActive && (token.ExpiresAt == null || token.ExpiresAt > now)
            select new { token, user }
        ).SingleOrDefaultAsync(Context.RequestAborted);
        if (found is null)
        {
            return null;
        }

        await NoteUseAsync(found.token, now);
        // A member of staff may have become a participant since the token was made.
        var scopes = found.token.Scopes.Where(scope => found.user.IsAdministrator || !Scopes.OfStaff.Contains(scope));
        var identity = new ClaimsIdentity(
            [
                new(ClaimTypes.NameIdentifier, $"{found.user.Id}"),
                new(ClaimTypes.Name, found.user.UserName!),
                .. scopes.Select(scope => new Claim(AccessPolicies.ScopeClaim, scope)),
                .. scopes.Contains(Scopes.Admin) ? AccessPolicies.RolesOf(found.user) : [],
            ],
            Scheme
        );
        return new(identity);
    }

    /// <summary>Notes the minute of the last use. A database that cannot be written to is no reason to refuse a token.</summary>
    private async Task NoteUseAsync(ApiToken token, DateTimeOffset now)
    {
        var minute = new DateTimeOffset(now.Ticks - (now.Ticks % TimeSpan.TicksPerMinute), TimeSpan.Zero);
        if (token.LastUsedAt >= minute)
        {
            return;
        }

        try
        {
            await database
                .ApiTokens.Where(one => one.Id == token.Id && (one.LastUsedAt == null || one.LastUsedAt < minute))
                .ExecuteUpdateAsync(set => set.SetProperty(one => one.LastUsedAt, minute), Context.RequestAborted);
        }
        catch (Exception e) when (PostgresErrors.FaultOf(e) is DatabaseFault.ReadOnly or DatabaseFault.Full)
        {
            // it was only a note
        }
    }
}
