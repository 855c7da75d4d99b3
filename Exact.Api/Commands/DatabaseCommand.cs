using System.CommandLine;

namespace Exact.Api.Commands;

/// <summary>A command that works on the database, so that Development starts the embedded one for it.</summary>
internal sealed class DatabaseCommand(string name, string description) : Command(name, description);
