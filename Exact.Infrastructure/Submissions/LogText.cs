using System.Text;

namespace Exact.Infrastructure.Submissions;

/// <summary>Makes the output of a stranger's program fit for a <c>text</c> column.</summary>
internal static class LogText
{
    /// <summary>In characters.</summary>
    public const int MaxLength = 16 * 1024;

    /// <summary>The end of a log, where the cause of a failure is.</summary>
    public static string? EndOf(string? log) =>
        log is null ? null
        : log.Length <= MaxLength ? Clean(log)
        : $"…{Clean(log[^MaxLength..])}";

    /// <summary>Replaces what PostgreSQL cannot store: U+0000 and halves of surrogate pairs.</summary>
    public static string Clean(string text) =>
        Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text.Replace('\0', '\uFFFD')));
}
