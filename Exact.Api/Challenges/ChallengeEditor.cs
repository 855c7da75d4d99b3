using System.Text.Json;
using Exact.Api.Http;
using Exact.Domain;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Files;
using FluentValidation;
using FluentValidation.Results;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Exact.Api.Challenges;

/// <summary>Who asks for a change.</summary>
internal sealed record Organiser(string Name, bool IsAdmin)
{
    public bool MayChange(Challenge challenge) => IsAdmin || challenge.CreatedBy == Name;
}

/// <summary>What became of a change.</summary>
internal enum ChallengeChange
{
    Done,
    NotFound,
    NotYours,
    NameTaken,
}

/// <summary>Creates, changes and deletes challenges.</summary>
internal sealed partial class ChallengeEditor(
    ExactDbContext database,
    FileUpload upload,
    IFileStore store,
    IValidator<ChallengeFields> validator,
    IOptions<FileStoreOptions> options,
    TimeProvider time,
    ILogger<ChallengeEditor> logger
)
{
    /// <summary>Creates a challenge, and stores the files of its form.</summary>
    /// <exception cref="ValidationException">A field is not valid.</exception>
    public async Task<(ChallengeChange Outcome, string ChallengeId)> CreateAsync(
        MultipartForm form,
        Organiser organiser,
        CancellationToken cancellationToken
    )
    {
        await using var received = upload;
        await form.ReadFieldsAsync(ChallengeForm.Names, ChallengeForm.Files, cancellationToken);
        var (name, fields) = form.IsInAnyOrder ? (null, new()) : Check(form.Fields);
        if (name is not null && await database.Challenges.AnyAsync(one => one.ChallengeId == name, cancellationToken))
        {
            return (ChallengeChange.NameTaken, name);
        }

        var challenge = new Challenge
        {
            ChallengeId = name ?? Guid.NewGuid().ToString("N"),
            Title = "",
            CreatedAt = time.GetUtcNow(),
            CreatedBy = organiser.Name,
        };
        while (await form.NextFileAsync(cancellationToken) is { } file)
        {
            var stored = await received.ReceiveAsync(
                file.Content,
                file.FileName,
                file.ContentType,
                organiser.Name,
                options.Value.MaxBytes,
                cancellationToken
            );
            _ = file.Name switch
            {
                "dataset" => challenge.Dataset = stored.Key,
                "mlmodel" => challenge.Mlmodel = stored.Key,
                _ => challenge.Xaimethod = stored.Key,
            };
        }

        fields = form.IsInAnyOrder ? Check(form.Fields).Fields : fields;
        fields.CopyTo(challenge);
        try
        {
            await received.SaveAsync(
                () =>
                {
                    database.Add(challenge);
                    ApplyRules(fields, challenge, rules: null);
                    return Task.FromResult(true);
                },
                cancellationToken
            );
            return (ChallengeChange.Done, challenge.ChallengeId);
        }
        catch (DbUpdateException e)
            when (e.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            return (ChallengeChange.NameTaken, challenge.ChallengeId);
        }
    }

    /// <summary>Applies a merge patch to the fields of a challenge.</summary>
    /// <exception cref="ValidationException">A field would not be valid.</exception>
    public async Task<ChallengeChange> ChangeAsync(
        string challengeId,
        JsonElement patch,
        Organiser organiser,
        CancellationToken cancellationToken
    )
    {
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        if (await LockAsync(challengeId, cancellationToken) is not { } challenge)
        {
            return ChallengeChange.NotFound;
        }

        if (!organiser.MayChange(challenge))
        {
            return ChallengeChange.NotYours;
        }

        var rules = await database.ChallengeRules.SingleOrDefaultAsync(
            one => one.ChallengeId == challengeId,
            cancellationToken
        );
        var fields = ChallengeFields.Of(challenge, rules).With(patch);
        await validator.ValidateAndThrowAsync(fields, cancellationToken);
        fields.CopyTo(challenge);
        ApplyRules(fields, challenge, rules);
        await database.SaveChangesAsync(cancellationToken);
        await transaction.CommitAsync(CancellationToken.None);
        return ChallengeChange.Done;
    }

    /// <summary>Closes a challenge now, by the clock of the database. One that is closed stays as it is.</summary>
    public async Task<ChallengeChange> CloseAsync(
        string challengeId,
        Organiser organiser,
        CancellationToken cancellationToken
    )
    {
        var challenges = database.Challenges.Where(challenge => challenge.ChallengeId == challengeId);
        if (await challenges.AsNoTracking().SingleOrDefaultAsync(cancellationToken) is not { } found)
        {
            return ChallengeChange.NotFound;
        }

        if (!organiser.MayChange(found))
        {
            return ChallengeChange.NotYours;
        }

        await challenges
            .Where(challenge => challenge.ClosesOn == null || challenge.ClosesOn > DateTimeOffset.UtcNow)
            .ExecuteUpdateAsync(
                set => set.SetProperty(challenge => challenge.ClosesOn, _ => DateTimeOffset.UtcNow),
                CancellationToken.None
            );
        return ChallengeChange.Done;
    }

    /// <summary>Deletes a challenge with its scores, its submissions and their files.</summary>
    public async Task<ChallengeChange> DeleteAsync(
        string challengeId,
        Organiser organiser,
        CancellationToken cancellationToken
    )
    {
        database.Database.SetCommandTimeout(0); // it may have a million scores
        await using var transaction = await database.Database.BeginTransactionAsync(cancellationToken);
        if (await LockAsync(challengeId, cancellationToken) is not { } challenge)
        {
            return ChallengeChange.NotFound;
        }

        if (!organiser.MayChange(challenge))
        {
            return ChallengeChange.NotYours;
        }

        var submitted = await (
            from submission in database.Submissions
            join score in database.Scores on submission.ScoreId equals score.Id
            where score.ChallengeId == challengeId
            select submission.File
        ).ToListAsync(cancellationToken);
        var keys = submitted
            .Concat(new[] { challenge.Dataset, challenge.Mlmodel, challenge.Xaimethod }.OfType<string>())
            .ToHashSet();
        await database.Challenges.Where(one => one.ChallengeId == challengeId).ExecuteDeleteAsync(cancellationToken);
        var others = FileUse.In(database).Where(use => keys.Contains(use.Key)).Select(use => use.Key);
        keys.ExceptWith(await others.ToListAsync(cancellationToken)); // an import may share a file
        await database.StoredFiles.Where(file => keys.Contains(file.Key)).ExecuteDeleteAsync(cancellationToken);
        await transaction.CommitAsync(CancellationToken.None);
        await DeleteFilesAsync(challengeId, keys);
        return ChallengeChange.Done;
    }

    /// <summary>The challenge, which nobody else changes until the transaction ends; null if there is none.</summary>
    private async Task<Challenge?> LockAsync(string challengeId, CancellationToken cancellationToken) =>
        (
            await database
                .Challenges.FromSql($"SELECT * FROM challenges WHERE challenge_id = {challengeId} FOR UPDATE")
                .ToListAsync(cancellationToken)
        ).SingleOrDefault();

    private (string? ChallengeId, ChallengeFields Fields) Check(IReadOnlyDictionary<string, string> sent)
    {
        var (name, fields) = ChallengeForm.Parse(sent);
        var errors = validator.Validate(fields).Errors;
        if (name is not null && !ChallengeForm.IsPlain(name))
        {
            errors.Add(
                new ValidationFailure(
                    "challenge_id",
                    "Use at most 100 of A-Z, a-z, 0-9, '.', '_' and '-'; begin with a letter or digit."
                )
            );
        }

        return errors.Count == 0 ? (name, fields) : throw new ValidationException(errors);
    }

    /// <summary>Deletes files that no row names any more. What is left over, <c>files check</c> finds.</summary>
    private async Task DeleteFilesAsync(string challengeId, IEnumerable<string> keys)
    {
        foreach (var key in keys)
        {
            try
            {
                await store.DeleteAsync(key, CancellationToken.None);
            }
            catch (FileStoreException e)
            {
                LogNotDeleted(challengeId, e.Message);
                return;
            }
        }
    }

    /// <summary>Keeps a row of rules only where there is something to say.</summary>
    private void ApplyRules(ChallengeFields fields, Challenge challenge, ChallengeRules? rules)
    {
        if (fields is { OpensOn: null, Rules: null })
        {
            if (rules is not null)
            {
                database.Remove(rules);
            }

            return;
        }

        if (rules is null)
        {
            rules = new ChallengeRules { ChallengeId = challenge.ChallengeId };
            database.Add(rules);
        }

        fields.CopyTo(rules);
    }

    [LoggerMessage(
        1501,
        LogLevel.Warning,
        "The challenge {ChallengeId} is deleted, but not its files: {Cause} Run \"files check --delete-orphans\""
    )]
    private partial void LogNotDeleted(string challengeId, string cause);
}
