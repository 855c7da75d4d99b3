using System.Text;

namespace Exact.Infrastructure.Transfer.Mapping;

/// <summary>Django's name of a model, such as <c>api.score</c>. The case of the model is ignored, that of the app is not.</summary>
internal static class FixtureLabel
{
    /// <summary>Whether <paramref name="label"/> names the model of <paramref name="lowerCase"/>.</summary>
    public static bool Is(ReadOnlySpan<byte> label, ReadOnlySpan<byte> lowerCase)
    {
        if (label.SequenceEqual(lowerCase))
        {
            return true;
        }

        var app = lowerCase.IndexOf((byte)'.') + 1;
        return label.Length == lowerCase.Length
            && label[..app].SequenceEqual(lowerCase[..app])
            && Ascii.EqualsIgnoreCase(label[app..], lowerCase[app..]);
    }

    /// <summary>Whether Exact added the model, so that Django does not know it.</summary>
    public static bool IsOfExact(string label) => label.StartsWith("exact.", StringComparison.Ordinal);

    /// <summary>Whether <paramref name="name"/> is the label, or the app that the model belongs to.</summary>
    public static bool IsNamed(string label, string name) =>
        Is(Encoding.UTF8.GetBytes(name), Encoding.UTF8.GetBytes(label))
        || label.StartsWith($"{name}.", StringComparison.Ordinal);
}
