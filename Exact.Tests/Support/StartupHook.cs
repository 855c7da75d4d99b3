using System.Runtime.Loader;
using Exact.Tests.Support;

/// <summary>
/// What another process of a test runs before its Main, where <c>DOTNET_STARTUP_HOOKS</c> names this assembly
/// (https://github.com/dotnet/runtime/blob/main/docs/design/features/host-startup-hook.md asks for this name): so the product
/// needs no door for tests.
/// </summary>
internal static class StartupHook
{
    public static void Initialize()
    {
        var folder = Path.GetDirectoryName(typeof(StartupHook).Assembly.Location)!;
        AssemblyLoadContext.Default.Resolving += (context, name) =>
            Path.Combine(folder, $"{name.Name}.dll") is var path && File.Exists(path)
                ? context.LoadFromAssemblyPath(path)
                : null;
        EmbeddedPostgresUser.RunIfAsked();
    }
}
