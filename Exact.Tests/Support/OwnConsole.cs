using System.Runtime.CompilerServices;

namespace Exact.Tests.Support;

/// <summary>
/// Keeps the writers of the console as they are. Playwright sets the console's encoding, which would replace them; where a log
/// is being written at that moment, both wait for each other for ever.
/// </summary>
internal static class OwnConsole
{
    [ModuleInitializer]
    internal static void Keep()
    {
        Console.SetOut(Console.Out);
        Console.SetError(Console.Error);
    }
}
