using System.Text;

namespace Exact.Api.Worker;

/// <summary>The end of an output of any length.</summary>
internal sealed class OutputTail(int length)
{
    private readonly StringBuilder text = new();

    public void Append(ReadOnlySpan<char> piece)
    {
        lock (text)
        {
            text.Append(piece);
            if (text.Length > 2 * length)
            {
                text.Remove(0, text.Length - length);
            }
        }
    }

    public override string ToString()
    {
        lock (text)
        {
            return text.Length <= length ? text.ToString() : text.ToString(text.Length - length, length);
        }
    }
}
