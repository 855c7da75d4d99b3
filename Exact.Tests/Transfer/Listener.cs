using Exact.Infrastructure.Transfer.Importing;

namespace Exact.Tests.Transfer;

/// <summary>Hears of progress on the thread that tells it; <see cref="Progress{T}"/> would hear of it later.</summary>
internal sealed class Listener(Action<ImportProgress> tell) : IProgress<ImportProgress>
{
    public void Report(ImportProgress value) => tell(value);
}
