namespace Exact.Infrastructure.Database;

/// <summary>A setting is not valid. The message names it without its value, where that may be a secret.</summary>
/// <param name="setting">Its name, such as <c>ConnectionStrings:Exact</c>.</param>
/// <param name="problem">
/// What is wrong and what to do, as the continuation of a sentence that begins with the name.
/// </param>
internal sealed class SettingException(string setting, string problem)
    : Exception($"{setting} {problem}{Variable(setting)}")
{
    private static string Variable(string setting) =>
        setting.Contains(':') ? $" (In the environment: {setting.Replace(":", "__", StringComparison.Ordinal)}.)" : "";
}
