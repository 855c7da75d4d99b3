using System.Net;
using Exact.Infrastructure.Accounts;
using Exact.Infrastructure.Database;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace Exact.Api.Accounts;

/// <summary>Checks passwords and changes them. A refusal tells neither by its words nor by its time what was wrong.</summary>
internal sealed partial class SignInService(
    ExactDbContext database,
    UserManager<User> users,
    AccountService accounts,
    PasswordCost cost,
    PasswordGate gate,
    SignInThrottle throttle,
    SignInTelemetry telemetry,
    TimeProvider time,
    ILogger<SignInService> logger
)
{
    /// <summary>The user with this name and password.</summary>
    public async Task<Attempt> SignInAsync(
        string username,
        string password,
        IPAddress? address,
        CancellationToken cancellationToken
    )
    {
        var name = await UserNames.NormalizeAsync(database, username, cancellationToken);
        var attempt = await CheckAsync(name, password, address, cancellationToken);
        if (attempt is Attempt.Right { User: var user })
        {
            var now = time.GetUtcNow();
            await database
                .Users.Where(one => one.Id == user.Id)
                .ExecuteUpdateAsync(set => set.SetProperty(one => one.LastLogin, now), cancellationToken);
        }

        return attempt;
    }

    /// <summary>Replaces the password of a user who knows the current one.</summary>
    public async Task<Attempt> ChangePasswordAsync(
        string username,
        string current,
        string next,
        IPAddress? address,
        CancellationToken cancellationToken
    )
    {
        var attempt = await CheckAsync(username, current, address, cancellationToken);
        if (attempt is not Attempt.Right { User: var user })
        {
            return attempt;
        }

        if (await accounts.FindMistakesAsync(user, next) is { Count: > 0 } mistakes)
        {
            return new Attempt.WeakPassword(mistakes);
        }

        var old = user.PasswordHash;
        user.PasswordHash = await accounts.HashAsync(user, next, address, cancellationToken);
        user.SecurityStamp = $"{Guid.NewGuid():N}";
        var changed = await database
            .Users.Where(one => one.Id == user.Id && one.PasswordHash == old)
            .ExecuteUpdateAsync(
                set =>
                    set.SetProperty(one => one.PasswordHash, user.PasswordHash)
                        .SetProperty(one => one.SecurityStamp, user.SecurityStamp),
                cancellationToken
            );
        return changed == 1 ? attempt : new Attempt.Wrong(); // another request has just changed it
    }

    /// <summary>Counts the attempt, checks the password, and tells how it ended.</summary>
    private async Task<Attempt> CheckAsync(
        string username,
        string password,
        IPAddress? address,
        CancellationToken cancellationToken
    )
    {
        using var span = SignInTelemetry.Start();
        var count = await throttle.CountAsync(username, address, cancellationToken);
        if (count.Wait is { } wait)
        {
            telemetry.End(span, SignInOutcome.Throttled);
            return new Attempt.TooMany(wait);
        }

        try
        {
            var attempt = await CompareAsync(username, password, address, count, cancellationToken);
            telemetry.End(span, attempt is Attempt.Right ? SignInOutcome.Succeeded : SignInOutcome.Failed);
            return attempt;
        }
        catch (TooManyPasswordsException)
        {
            telemetry.End(span, SignInOutcome.Overloaded);
            await throttle.TakeBackAsync(username, address, cancellationToken);
            throw;
        }
    }

    private async Task<Attempt> CompareAsync(
        string username,
        string password,
        IPAddress? address,
        SignInCount count,
        CancellationToken cancellationToken
    )
    {
        var highest = await cost.FindHighestAsync(cancellationToken);
        var user = await database
            .Users.AsNoTracking()
            .SingleOrDefaultAsync(one => one.NormalizedUserName == username, cancellationToken); // it has the index
        var hash = user?.PasswordHash ?? "!";
        var result = await VerifyAsync(user, hash, password, highest, address, cancellationToken);
        if (user is null || result is PasswordVerificationResult.Failed)
        {
            if (count.OfName == SignInThrottle.Permitted)
            {
                LogThrottled(SignInThrottle.NetworkOf(address), count.NameRemaining.TotalMinutes);
            }

            if (count.OfNetwork == SignInThrottle.PermittedOfNetwork)
            {
                LogNetworkThrottled(SignInThrottle.NetworkOf(address), count.NetworkRemaining.TotalMinutes);
            }

            return new Attempt.Wrong();
        }

        if (result is PasswordVerificationResult.SuccessRehashNeeded)
        {
            user.PasswordHash = await accounts.HashAsync(user, password, address, cancellationToken);
            await database
                .Users.Where(one => one.Id == user.Id && one.PasswordHash == hash)
                .ExecuteUpdateAsync(
                    set => set.SetProperty(one => one.PasswordHash, user.PasswordHash),
                    cancellationToken
                );
        }

        await throttle.ForgetAsync(username, address, cancellationToken);
        return new Attempt.Right(user);
    }

    /// <summary>Compares the password with the hash. A refusal costs as much as the costliest hash.</summary>
    private async Task<PasswordVerificationResult> VerifyAsync(
        User? user,
        string hash,
        string password,
        int highest,
        IPAddress? address,
        CancellationToken cancellationToken
    )
    {
        using var turn = await gate.EnterAsync(address, cancellationToken);
        var result = users.PasswordHasher.VerifyHashedPassword(user ?? new User(), hash, password);
        if (user is { IsActive: true } && result is not PasswordVerificationResult.Failed)
        {
            return result;
        }

        if (highest - PasswordHashes.CostOf(hash) is > 0 and var rest)
        {
            users.PasswordHasher.VerifyHashedPassword(new User(), $"{DjangoHash.OfCost(rest)}", password);
        }

        return PasswordVerificationResult.Failed;
    }

    // Without the name: people type their password there by mistake.
    [LoggerMessage(
        1103,
        LogLevel.Warning,
        "Ten sign-ins to one account have failed from {Network}. Others are refused there for {Minutes:0} minutes"
    )]
    private partial void LogThrottled(string network, double minutes);

    [LoggerMessage(
        1104,
        LogLevel.Warning,
        "A hundred sign-ins have failed from {Network}. All others are refused there for {Minutes:0} minutes"
    )]
    private partial void LogNetworkThrottled(string network, double minutes);
}

/// <summary>How an attempt to prove who one is has ended.</summary>
internal abstract record Attempt
{
    internal sealed record Right(User User) : Attempt;

    /// <summary>The name is unknown, the password is wrong, or the account is disabled.</summary>
    internal sealed record Wrong : Attempt;

    /// <summary>Too many have failed.</summary>
    internal sealed record TooMany(TimeSpan RetryAfter) : Attempt;

    /// <summary>The new password breaks the rules.</summary>
    internal sealed record WeakPassword(IReadOnlyList<string> Mistakes) : Attempt;
}
