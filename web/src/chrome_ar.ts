// SPDX-License-Identifier: MIT
//
// chrome_ar: Arabic for media-chrome's elements, which have none: what the controls that we show say. Its own words are the keys.
const words: Record<string, string> = {
  play: 'تشغيل', pause: 'إيقاف مؤقت', mute: 'كتم الصوت', unmute: 'إعادة الصوت', volume: 'مستوى الصوت', seek: 'انتقال',
  'seek backward': 'رجوع', 'seek forward': 'تقدم', 'seek back {seekOffset} seconds': 'رجوع {seekOffset} ثوانٍ', 'seek forward {seekOffset} seconds': 'تقدم {seekOffset} ثوانٍ',
  'playback time': 'وقت العرض',
  'enter fullscreen mode': 'ملء الشاشة', 'exit fullscreen mode': 'إنهاء ملء الشاشة', 'enter picture in picture mode': 'صورة داخل صورة', 'exit picture in picture mode': 'إنهاء صورة داخل صورة',
  'video player': 'مشغل فيديو', 'audio player': 'مشغل صوت', 'media loading': 'جارٍ التحميل', 'video not loaded, unknown time.': 'لم يُحمَّل الفيلم، الوقت غير معروف.',
  hour: 'ساعة', hours: 'ساعات', minute: 'دقيقة', minutes: 'دقائق', second: 'ثانية', seconds: 'ثوانٍ', '{currentTime} of {totalTime}': '{currentTime} من {totalTime}', '{time} remaining': 'بقي {time}',
};

// Some are said with a capital as well.
export const Ar = Object.fromEntries(Object.entries(words).flatMap(([key, text]) => [[key, text], [key.charAt(0).toUpperCase() + key.slice(1), text]]));
