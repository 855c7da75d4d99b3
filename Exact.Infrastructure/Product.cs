using System.Reflection;

namespace Exact.Infrastructure;

/// <summary>
/// Identifies the program in the journal, the history table and PostgreSQL's <c>application_name</c>.
/// </summary>
public static class Product
{
    /// <summary>PostgreSQL's limit for an <c>application_name</c>, in bytes.</summary>
    private const int ApplicationNameLength = 63;

    /// <summary>The version of this build, such as <c>0.1.0</c>.</summary>
    public static string Version { get; } =
        typeof(Product)
            .Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!
            .InformationalVersion.Split('+')[0];

    /// <summary>This process: <c>exact VERSION HOST</c>.</summary>
    public static string Origin { get; } = Cut($"exact {Version} {Environment.MachineName}");

    private static string Cut(string name) =>
        name.Length <= ApplicationNameLength ? name : name[..ApplicationNameLength];
}
