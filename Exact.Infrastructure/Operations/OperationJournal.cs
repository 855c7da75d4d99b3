using System.Text.Json;
using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;

namespace Exact.Infrastructure.Operations;

/// <summary>Writes imports and exports into the journal, on a connection of its own: a rolled back import is on record, too.</summary>
internal sealed class OperationJournal(DbContextOptions<ExactDbContext> contextOptions, TimeProvider time)
{
    internal static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DictionaryKeyPolicy = null, // labels and names stay as they are
    };

    /// <summary>Opens an entry, runs the work, and closes the entry with what came of it.</summary>
    /// <param name="kind">What the work is.</param>
    /// <param name="actor">Who asked for it.</param>
    /// <param name="work">The work.</param>
    /// <param name="judge">Its figures, and its error if it did not succeed.</param>
    public async Task<T> RecordAsync<T>(
        OperationKind kind,
        string actor,
        Func<Task<T>> work,
        Func<T, (object? Figures, string? Error)> judge
    )
    {
        var operation = new Operation
        {
            Kind = kind,
            Actor = actor,
            Origin = Product.Origin,
            StartedAt = time.GetUtcNow(),
        };
        await SaveAsync(operation);
        try
        {
            var result = await work();
            (var figures, operation.Error) = judge(result);
            operation.Figures = figures is null ? null : JsonSerializer.Serialize(figures, Json);
            operation.State = operation.Error is null ? OperationState.Succeeded : OperationState.Failed;
            return result;
        }
        catch (Exception e)
        {
            operation.State = e is OperationCanceledException ? OperationState.Cancelled : OperationState.Failed;
            operation.Error = e.Cause();
            throw;
        }
        finally
        {
            operation.FinishedAt = time.GetUtcNow();
            await SaveAsync(operation);
        }
    }

    private async Task SaveAsync(Operation operation)
    {
        // No cancellation: what was begun must not stay open in the journal because a caller hung up.
        await using var database = new ExactDbContext(contextOptions);
        database.Update(operation);
        await database.SaveChangesAsync(CancellationToken.None);
    }
}
