using System.Security.Claims;
using Exact.Api.Access;
using Exact.Api.Operations;
using Exact.Infrastructure.Accounts;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Operations;
using Microsoft.EntityFrameworkCore;

namespace Exact.Api.Accounts;

/// <summary>Makes, lists and revokes personal tokens. The journal has those that open what is for staff.</summary>
internal sealed class TokenService(ExactDbContext database, ChangeJournal journal, TimeProvider time)
{
    /// <summary>Enough for every machine that a person may have.</summary>
    public const int MaxTokens = 100;

    /// <summary>Makes a token; null if the user has too many.</summary>
    public async Task<NewTokenResponse?> CreateAsync(
        ClaimsPrincipal user,
        TokenRequest request,
        CancellationToken cancellationToken
    )
    {
        var userId = user.AccountId()!.Value;
        if (await database.ApiTokens.CountAsync(token => token.UserId == userId, cancellationToken) >= MaxTokens)
        {
            return null;
        }

        var secret = TokenSecret.Create();
        var token = new ApiToken
        {
            UserId = userId,
            Name = request.Name.Trim(),
            Hash = TokenSecret.HashOf(secret),
            Scopes = [.. request.Scopes.Distinct()],
            CreatedAt = time.GetUtcNow(),
            ExpiresAt = request.ExpiresAt?.ToUniversalTime(),
        };
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        database.ApiTokens.Add(token);
        await database.SaveChangesAsync(cancellationToken);
        await JournalAsync("create_token", user, token.Id, token.Scopes, cancellationToken);
        await transaction.CommitAsync(CancellationToken.None);
        await database.Entry(token).ReloadAsync(cancellationToken); // PostgreSQL keeps microseconds
        return new NewTokenResponse
        {
            Id = token.Id,
            Name = token.Name,
            Scopes = token.Scopes,
            CreatedAt = token.CreatedAt,
            ExpiresAt = token.ExpiresAt,
            LastUsedAt = null,
            Token = secret,
        };
    }

    /// <summary>The tokens of a user, newest first, without their secrets.</summary>
    public async Task<IReadOnlyList<TokenResponse>> ListAsync(long userId, CancellationToken cancellationToken) =>
        await database
            .ApiTokens.Where(token => token.UserId == userId)
            .OrderByDescending(token => token.Id)
            .Select(token => new TokenResponse
            {
                Id = token.Id,
                Name = token.Name,
                Scopes = token.Scopes,
                CreatedAt = token.CreatedAt,
                ExpiresAt = token.ExpiresAt,
                LastUsedAt = token.LastUsedAt,
            })
            .ToListAsync(cancellationToken);

    /// <summary>Revokes a token of this user at once.</summary>
    /// <returns>Whether the user had it.</returns>
    public async Task<bool> RevokeAsync(ClaimsPrincipal user, long id, CancellationToken cancellationToken)
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        var own = database.ApiTokens.Where(token => token.UserId == user.AccountId() && token.Id == id);
        if (
            await own.Select(token => token.Scopes).SingleOrDefaultAsync(cancellationToken) is not { } scopes
            || await own.ExecuteDeleteAsync(cancellationToken) == 0
        )
        {
            return false;
        }

        await JournalAsync("revoke_token", user, id, scopes, cancellationToken);
        await transaction.CommitAsync(CancellationToken.None);
        return true;
    }

    private async Task JournalAsync(
        string action,
        ClaimsPrincipal user,
        long id,
        IReadOnlyList<string> scopes,
        CancellationToken cancellationToken
    )
    {
        if (scopes.Intersect(Scopes.OfStaff).Any())
        {
            var name = user.Identity!.Name!;
            AccountChange change = new(action, name) { TokenId = id, Scopes = scopes };
            await journal.AddAsync(name, OperationKind.Account, change, cancellationToken);
        }
    }
}
