using System.CommandLine;

namespace Exact.Api.Commands;

/// <summary>
/// <c>completion</c>: prints a script that completes commands and options in a shell. The script asks the program itself,
/// with the <c>[suggest]</c> directive of System.CommandLine.
/// </summary>
internal static class CompletionCommand
{
    public static Command Create()
    {
        var shell = new Argument<string>("shell") { Description = "bash, zsh or fish." };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        var command = new Command("completion", "Print a script that completes commands and options in a shell.")
        {
            shell,
        };
        command.SetAction(parsed =>
            parsed.InvocationConfiguration.Output.WriteLine(ScriptFor(parsed.GetValue(shell)!))
        );
        return command;
    }

    private static string ScriptFor(string shell) =>
        shell switch
        {
            "bash" => """
                _exact() {
                    local IFS=$'\n'
                    COMPREPLY=($(compgen -W "$(exact "[suggest:$COMP_POINT]" "$COMP_LINE" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
                }
                complete -o default -F _exact exact
                """,
            "zsh" => """
                #compdef exact
                _exact() {
                    local -a found=("${(@f)$(exact "[suggest:$CURSOR]" "$BUFFER" 2>/dev/null)}")
                    compadd -- $found
                    _files
                }
                # a file in fpath is the function itself at its first call
                if [ "${funcstack[1]}" = _exact ]; then _exact; else compdef _exact exact; fi
                """,
            _ => """
                complete -c exact -a '(exact "[suggest:"(commandline -C)"]" (commandline -b) 2>/dev/null)'
                """,
        };
}
