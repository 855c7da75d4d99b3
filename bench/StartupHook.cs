using System.Runtime.Loader;

/// <summary>
/// Lets the service find this assembly, where <c>DOTNET_STARTUP_HOOKS</c> names it
/// (https://github.com/dotnet/runtime/blob/main/docs/design/features/host-startup-hook.md asks for this name).
/// </summary>
internal static class StartupHook
{
    public static void Initialize()
    {
        var bench = typeof(StartupHook).Assembly;
        AssemblyLoadContext.Default.Resolving += (_, name) => name.Name == bench.GetName().Name ? bench : null;
    }
}
