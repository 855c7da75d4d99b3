using System.CommandLine;

namespace Exact.Api.Commands;

/// <summary>A command that needs the database. Development starts the embedded one for it.</summary>
internal sealed class DatabaseCommand(string name, string description) : Command(name, description);
